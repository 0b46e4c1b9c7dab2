import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { inGvisor } from '../support/sandbox-drivers.ts';
import { againAsOrdinaryUser, againInGvisor, isRoot, openRig, run } from '../unit/sandbox/harness.ts';
import type { Rig } from '../unit/sandbox/harness.ts';

/** Threat 18, by what the host itself has put into a directory that it lends to a sandbox. */
let rig: Rig;
before(() => {
  rig = openRig();
});
after(() => rig.close());

it('a device in a mounted directory leads to none, and a set-uid program there gives nobody its owner', async () => {
  const lent = join(rig.directory, 'with-devices');
  mkdirSync(lent);
  copyFileSync('/usr/bin/id', join(lent, 'as-owner'));
  // An ordinary user can make no device, and has no other owner to give.
  if (isRoot) {
    execFileSync('mknod', [join(lent, 'zero'), 'c', '1', '5']);
    chmodSync(join(lent, 'zero'), 0o666);
    for (const path of [lent, join(lent, 'as-owner')]) chownSync(path, 4321, 4321);
  }
  chmodSync(join(lent, 'as-owner'), 0o6755);
  const box = await rig.create({ mounts: [{ source: lent, target: '/srv/lent', readOnly: false }] });
  assert.equal((await run(box, '/srv/lent/as-owner -u; /srv/lent/as-owner -g')).stdout, '1000\n1000\n');
  const opened = await run(box, 'head -c 4 /srv/lent/zero | wc -c');
  assert.equal(opened.stdout, '0\n', 'nothing came out of it');
  assert.match(opened.stderr, isRoot ? /Permission denied|No such device|Operation not permitted/ : /No such file/);
  const { stdout } = await run(box, 'grep /srv/lent /proc/self/mountinfo');
  if (!inGvisor) assert.match(stdout, /nosuid,nodev/);
  await box.destroy();
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);
