import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Launcher } from '../../../src/sandbox/bubblewrap/launcher.ts';
import type { LaunchOptions } from '../../../src/sandbox/bubblewrap/launcher.ts';

let directory: string;
before(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'standin-launcher-')));
  mkdirSync(join(directory, 'real'));
  symlinkSync(join(directory, 'real'), join(directory, 'link'));
  writeFileSync(join(directory, 'seccomp'), '');
});
after(() => rmSync(directory, { recursive: true }));

const options = (more: Partial<LaunchOptions>): LaunchOptions => ({
  uid: process.getuid?.() === 0 ? 1_999_999_999 : null,
  directory,
  socketName: `${Math.random()}.sock`,
  seccomp: join(directory, 'seccomp'),
  ipv6: false,
  staged: [],
  scratchMib: 1,
  command: ['/bin/true'],
  ...more,
});
const reason = (pattern: RegExp) => (error: Error) => error.cause instanceof Error && pattern.test(error.cause.message);

describe('the launcher', () => {
  it('mounts nothing through a link that was put in the way after the path was judged', async () => {
    const staged = [{ source: join(directory, 'link') }];
    await assert.rejects(Launcher.start(options({ staged })), reason(/a symbolic link was put in its way/));
    staged[0] = { source: join(directory, 'link', 'below') };
    mkdirSync(join(directory, 'real', 'below'));
    await assert.rejects(Launcher.start(options({ staged })), reason(/a symbolic link was put in its way/));
  });

  it('says what is wrong where a part is missing, without a word of it to the caller', async () => {
    const staged = [{ source: '/nowhere' }];
    await assert.rejects(Launcher.start(options({ staged })), (error: Error) => {
      assert.equal(error.message.includes('/nowhere'), false);
      return reason(/\/nowhere: No such file/)(error);
    });
  });

  it('waits at its gate, and is gone when it is not let through', async () => {
    const launcher = await Launcher.start(options({ socketName: 'gate.sock' }));
    assert.equal(readdirSync(directory).includes('gate.sock'), true);
    process.kill(launcher.pid, 0);
    await launcher.kill();
    assert.throws(() => process.kill(launcher.pid, 0), { code: 'ESRCH' });
  });

  it(
    'tells what to do where a file system cannot map owners',
    { skip: process.getuid?.() === 0 ? false : 'only a server run as root maps owners' },
    async () => {
      // The files of a process are of a kernel file system, which cannot.
      const staged = [{ source: `/proc/${process.pid}/ns`, owner: { uid: 0, gid: 0 } }];
      await assert.rejects(Launcher.start(options({ staged })), {
        code: 'bad_request',
        message: /cannot map owners.*run the server as the owner/,
      });
    },
  );
});
