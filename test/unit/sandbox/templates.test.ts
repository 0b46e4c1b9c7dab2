import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningSandbox } from '../../../src/sandbox/driver.ts';
import { openTemplates } from '../../../src/sandbox/templates/registry.ts';
import { resolveWithin } from '../../../src/sandbox/templates/within.ts';
import { inGvisor } from '../../support/sandbox-drivers.ts';
import { againAsOrdinaryUser, againInGvisor, eventually, openRig, run } from './harness.ts';
import type { Rig } from './harness.ts';

const directory = mkdtempSync(join(tmpdir(), 'standin-templates-'));
const notes: string[] = [];
const open = (path: string, name = 'tiny') =>
  openTemplates([{ name, path }], { directory: join(directory, 'unpacked'), note: (line) => notes.push(line) });

/** A tree with BusyBox alone: no C library, no Perl, no Node, and of /etc next to nothing. */
function makeTree(root: string): string {
  for (const path of ['bin', 'usr/bin', 'etc/ssl', 'opt/tool', 'var/lib/thing', 'home/somebody', 'root', 'dev']) {
    mkdirSync(join(root, path), { recursive: true });
  }
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  for (const name of ['sh', 'ls', 'cat', 'wc', 'id', 'sleep', 'env', 'stty', 'tty', 'touch', 'kill', 'ps']) {
    symlinkSync('/bin/busybox', join(root, 'bin', name));
  }
  writeFileSync(join(root, 'etc/os-release'), 'ID=tiny\n');
  writeFileSync(join(root, 'etc/passwd'), 'theirs:x:7:7::/:/bin/sh\n');
  writeFileSync(join(root, 'opt/tool/version'), '7\n');
  writeFileSync(join(root, 'var/lib/thing/data'), 'kept\n');
  writeFileSync(join(root, 'root/secret'), 'of the machine that the tree was made on');
  return root;
}

after(() => rmSync(directory, { recursive: true, force: true }));

describe('a sandbox on a template', () => {
  let rig: Rig;
  let sandbox: RunningSandbox;
  before(async () => {
    rig = openRig();
    const template = (await open(makeTree(join(directory, 'tree')))).get('tiny') ?? null;
    assert.ok(template);
    sandbox = await rig.create({ template });
  });
  after(() => rig.close());
  const said = async (command: string) => (await run(sandbox, command)).stdout;

  it('has the tree of the template, none of the host’s, and the files that each sandbox has', async () => {
    assert.equal(await said('cat /etc/os-release /opt/tool/version /var/lib/thing/data'), 'ID=tiny\n7\nkept\n');
    assert.equal(
      await said('ls /usr/bin /root /home 2>&1'),
      'ls: /root: No such file or directory\n/home:\nuser\n\n/usr/bin:\n',
    );
    assert.match(await said('cat /etc/passwd'), /^root:.*\nuser:x:1000/);
    assert.equal(await said('cat /proc/self/attr/current >/dev/null 2>&1; id -u; cd; echo $PWD'), '1000\n/home/user\n');
  });

  it('cannot write to the tree, and can to its home', async () => {
    assert.match(
      await said('touch /opt/tool/new /bin/new /new 2>&1; touch ~/new /tmp/new && echo home'),
      // gVisor asks who may before it asks what can be written.
      inGvisor ? /^(.*Permission denied\n){3}home\n/ : /^(.*Read-only.*\n){3}home\n/,
    );
    assert.equal(existsSync(join(directory, 'tree/opt/tool/new')), false);
  });

  it('trusts what other sandboxes trust', async () => {
    assert.match(await said('cat $SSL_CERT_FILE'), /BEGIN CERTIFICATE/);
    assert.match(await said('cat $NODE_EXTRA_CA_CERTS'), /BEGIN CERTIFICATE/);
  });

  it('survives the death of all its processes', async () => {
    await run(sandbox, 'kill -9 -1').catch(() => undefined);
    // In gVisor the agent calls, which it can do a moment after it is back.
    await eventually('its agent is back', async () => (await said('echo back').catch(() => '')) === 'back\n');
  });

  it('has terminals of the size that is asked for', async () => {
    const session = await sandbox.exec({
      command: 'stty size; read line; stty size',
      env: {},
      tty: { columns: 91, rows: 17 },
    });
    let text = '';
    session.stdout.on('data', (chunk: Buffer) => {
      if (text === '') {
        session.resize({ columns: 33, rows: 44 });
        session.stdin.write('\n');
      }
      text += chunk.toString();
    });
    assert.equal(await session.exit, 0);
    assert.match(text, /^17 91\r\n/);
    assert.match(text, /(17 91|44 33)\r\n$/);
  });
});

describe('a template with links in it', () => {
  const outside = join(directory, 'outside-tree');
  const root = join(directory, 'linked');
  const project = join(directory, 'project');
  let rig: Rig;
  before(async () => {
    makeTree(root);
    for (const path of [project, join(outside, 'certs'), join(outside, 'tls/certs')])
      mkdirSync(path, { recursive: true });
    for (const path of ['key', 'certs/ca-certificates.crt', 'tls/certs/ca-bundle.crt']) {
      writeFileSync(join(outside, path), 'marker-of-the-host');
    }
    writeFileSync(join(project, 'file'), 'lent\n');
    rmSync(join(root, 'etc/ssl'), { recursive: true });
    for (const path of ['srv', 'etc/ssl', 'etc/pki', 'opt/tool/away']) symlinkSync(outside, join(root, path));
    rig = openRig();
  });
  after(() => rig.close());
  const onIt = async (targets: string[]) => {
    const template = (await open(root, 'linked')).get('linked') ?? null;
    assert.ok(template);
    const mounts = targets.map((target) => ({ source: project, target, readOnly: true }));
    return await rig.create({ template, mounts });
  };
  const all = (path: string) => readdirSync(path, { recursive: true, encoding: 'utf8' }).toSorted();

  it('shows nothing of the host through them, and has its own trust where they were', async () => {
    const sandbox = await onIt([]);
    const { stdout } = await run(
      sandbox,
      'for each in /srv/key /opt/tool/away/key /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/certs/ca-certificates.crt; do cat $each 2>&1; done',
    );
    assert.ok(!stdout.includes('marker'), stdout);
    assert.match(stdout, /BEGIN CERTIFICATE/);
    await sandbox.destroy();
  });

  it('has mounts where they were asked for: behind a link, below a file, deep in a directory', async () => {
    const before_ = [all(outside), all(root)];
    const targets = [
      '/srv/project',
      '/opt/tool/away/project',
      '/opt/tool/version/project',
      '/var/lib/thing/deep/project',
    ];
    const sandbox = await onIt(targets);
    for (const target of targets) assert.equal((await run(sandbox, `cat ${target}/file`)).stdout, 'lent\n', target);
    assert.equal((await run(sandbox, 'cat /var/lib/thing/data')).stdout, 'kept\n');
    await sandbox.destroy();
    assert.deepEqual([all(outside), all(root)], before_, 'nothing was made on the disk of the host');
  });

  it('and so has a sandbox without a template, below the links that every one has', async () => {
    const name = `standin-${randomUUID()}`;
    const sandbox = await rig.create({
      mounts: [{ source: project, target: `/var/tmp/${name}/project`, readOnly: true }],
    });
    assert.equal(
      (await run(sandbox, `cat /var/tmp/${name}/project/file /tmp/${name}/project/file`)).stdout,
      'lent\nlent\n',
    );
    assert.equal(existsSync(join('/tmp', name)), false);
    await sandbox.destroy();
  });
});

describe('a tarball', () => {
  const tarball = join(directory, 'tiny.tar.gz');
  before(() => {
    const root = makeTree(join(directory, 'packed'));
    chmodSync(join(root, 'bin/busybox'), 0o4755);
    writeFileSync(join(root, 'opt/private'), 'readable by all who run on it');
    chmodSync(join(root, 'opt/private'), 0o600);
    execFileSync('tar', ['-czf', tarball, '-C', root, '.']);
  });

  it('is unpacked once, readable by all, without what would give anybody rights', async () => {
    const root = (await open(tarball)).get('tiny')?.root ?? '';
    assert.equal(statSync(join(root, 'bin/busybox')).mode & 0o7777, 0o755);
    assert.equal(statSync(join(root, 'opt/private')).mode & 0o777, 0o644);
    assert.deepEqual(readdirSync(join(root, 'dev')), []);
    const made = statSync(root).ctimeMs;
    const count = notes.length;
    assert.equal((await open(tarball)).get('tiny')?.root, root);
    assert.equal(statSync(root).ctimeMs, made);
    assert.equal(notes.length, count, 'nothing was unpacked');
  });

  it('is removed when it is not registered any more', async () => {
    const root = (await open(tarball)).get('tiny')?.root ?? '';
    await open(join(directory, 'tree'));
    assert.equal(existsSync(root), false);
  });

  it('writes nothing beside its directory, whatever its names are', async () => {
    const bad = join(directory, 'bad.tar');
    const outside = join(directory, 'outside');
    writeFileSync(outside, 'as it was');
    execFileSync('tar', [
      '-cPf',
      bad,
      '-C',
      join(directory, 'packed'),
      '--transform',
      's,^etc/os-release,../outside,',
      'bin',
      'etc/os-release',
    ]);
    await open(bad).catch(() => undefined);
    assert.equal(execFileSync('cat', [outside]).toString(), 'as it was');
    assert.equal(existsSync(join(directory, 'unpacked', 'outside')), false);
  });

  it('that is none, and a tree without a shell, are refused with words', async () => {
    const wrong = join(directory, 'wrong.tar');
    writeFileSync(wrong, 'no tarball');
    await assert.rejects(open(wrong), /STANDIN_TEMPLATES: tiny: .*wrong\.tar could not be unpacked: /);
    await assert.rejects(open('/nowhere/at/all'), /STANDIN_TEMPLATES: tiny: \/nowhere\/at\/all does not exist/);
    mkdirSync(join(directory, 'empty'));
    await assert.rejects(open(join(directory, 'empty')), /has no \/bin\/sh/);
    await assert.rejects(open('/'), /is what `base` is made of/);
  });
});

it('a path in a tree is followed as it would be inside, and never out of it', () => {
  const root = join(directory, 'links');
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  writeFileSync(join(root, 'usr/bin/sh'), '');
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('/usr/bin/sh', join(root, 'absolute'));
  symlinkSync('../../../../../../usr/bin/sh', join(root, 'usr/up'));
  symlinkSync('round', join(root, 'round'));
  assert.equal(resolveWithin(root, '/bin/sh'), join(root, 'usr/bin/sh'));
  assert.equal(resolveWithin(root, '/absolute'), join(root, 'usr/bin/sh'));
  assert.equal(resolveWithin(root, '/usr/up'), join(root, 'usr/bin/sh'));
  assert.equal(resolveWithin(root, '/round'), null);
  assert.equal(resolveWithin(root, '/bin/none'), null);
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);
