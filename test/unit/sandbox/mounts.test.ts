import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkMounts } from '../../../src/sandbox/mounts.ts';

let directory: string;
before(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'standin-mounts-')));
  for (const name of ['project', 'data', 'data/inner', 'home', 'home/.local', 'lib/standin/src'])
    mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'file'), '');
  symlinkSync(join(directory, 'project'), join(directory, 'link'));
  symlinkSync(join(directory, 'data/inner'), join(directory, 'sly'));
});
after(() => rmSync(directory, { recursive: true }));

const kept = () => ({ privateDirs: [join(directory, 'data')], programDirs: [join(directory, 'lib/standin')] });
const check = (source: string, target: string) =>
  checkMounts([{ source: join(directory, source), target, readOnly: false }], kept());
const refused = (source: string, target: string, field: string, message: RegExp) =>
  assert.throws(() => check(source, target), { code: 'bad_request', field: `mounts.0.${field}`, message });

describe('mounts', () => {
  it('may be directories and files, at any place that is not the system’s', () => {
    for (const target of [
      '/root/project',
      '/home/alice/x',
      '/home/user',
      '/home/user/x',
      '/srv',
      '/opt/tool',
      '/tmp/x',
      '/workspace/',
    ]) {
      assert.equal(check('project', target)[0]?.target, target.replace(/\/$/, ''));
    }
    assert.equal(check('file', '/root/file')[0]?.source, join(directory, 'file'));
  });

  it('are judged by where a link leads, not by its name', () => {
    assert.equal(check('link', '/srv/x')[0]?.source, join(directory, 'project'));
    refused('sly', '/srv/x', 'source', /data directory/);
  });

  it('never hold the data directory, are in it, or are it', () => {
    for (const source of ['data', 'data/inner', '.']) refused(source, '/srv/x', 'source', /data directory/);
  });

  it('let nobody write where the server’s own program is, which it would run at its next start', () => {
    for (const source of ['lib', 'lib/standin', 'lib/standin/src']) {
      refused(source, '/srv/x', 'source', /the server's own program: mount it read-only/);
      const mount = { source: join(directory, source), target: '/srv/x', readOnly: true };
      assert.equal(checkMounts([mount], kept())[0]?.readOnly, true);
    }
  });

  it('are never the host’s system, the root, a socket, or nothing', async () => {
    const of = (source: string) => () =>
      checkMounts([{ source, target: '/srv/x', readOnly: true }], { privateDirs: [], programDirs: [] });
    for (const source of [
      '/',
      '/proc',
      '/proc/self',
      '/sys',
      '/dev',
      '/dev/null',
      '/run',
      'relative',
      '/a/../b',
      '/nowhere/at/all',
    ]) {
      assert.throws(of(source), { code: 'bad_request', field: 'mounts.0.source' }, source);
    }
    const server = createServer().listen(join(directory, 'socket'));
    await once(server, 'listening');
    refused('socket', '/srv/x', 'source', /neither a directory nor a file/);
    server.close();
  });

  it('never cover a part of the sandbox’s system', () => {
    const targets = [
      '/',
      '/usr',
      '/usr/local/x',
      '/etc',
      '/etc/ssl/certs',
      '/proc/x',
      '/dev/shm',
      '/lib64',
      '/home',
      '/opt',
      '/opt/standin/agent',
      '/run/x',
      'x',
      '/x/../etc',
      '//etc',
    ];
    for (const target of targets) assert.throws(() => check('project', target), { field: 'mounts.0.target' }, target);
  });

  it('have places of their own', () => {
    const mount = { source: join(directory, 'project'), target: '/srv/x', readOnly: true };
    assert.throws(() => checkMounts([mount, { ...mount, target: '/srv/x/' }], { privateDirs: [], programDirs: [] }), {
      field: 'mounts.1.target',
      message: /twice/,
    });
  });
});
