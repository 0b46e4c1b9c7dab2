import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { againAsOrdinaryUser, againInGvisor } from '../unit/sandbox/harness.ts';
import { fileApi } from '../support/file-api.ts';
import type { FileApi } from '../support/file-api.ts';
import { skipWithout } from '../support/processes.ts';
import { driverName, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Threat 24: whatever path is asked for, and whatever code in the sandbox has put there, a file call stays in the sandbox, ends,
 * and says no more than the sandbox could. A real server, a sandbox that has a directory of the host beside the marker.
 */
const marker = 'host-marker-9c41';
const encode = encodeURIComponent;

describe('files asked for over the API', { skip: skipWithoutDriver || skipWithout('python3') }, () => {
  const directory = temporaryDirectory('row-24');
  const beside = join(directory.path, 'beside');
  const project = join(directory.path, 'project');
  let server: StandinServer;
  let sandbox: SandboxWithAccess;
  let files: FileApi;

  before(async () => {
    mkdirSync(beside);
    mkdirSync(project);
    writeFileSync(join(beside, 'key'), marker);
    symlinkSync(beside, join(project, 'out'));
    server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: driverName, BAIT: marker } });
    sandbox = await server.client.sandboxes.create({
      name: 'hostile',
      mounts: [{ source: project, target: '/srv/project', read_only: false }],
    });
    files = fileApi(server, sandbox);
  });
  after(async () => {
    await server?.stop();
    directory.remove();
  });

  const said = async (command: string) => {
    const { stdout, stderr, exit_code: code } = await server.client.exec(sandbox, { command });
    return `${stdout}${stderr}${code === 0 ? '' : `exit ${code}\n`}`;
  };
  /** What came of one call; fails where it held anything of the host, or the server knew no answer. */
  const outcome = async (t: TestContext, what: string, call: Promise<Response>) => {
    const response = await call;
    const body = await response.text();
    assert.equal(body.includes(marker), false, `${what}: it held the marker`);
    assert.equal([500, 502].includes(response.status), false, `${what}: ${response.status} ${body}`);
    t.diagnostic(`${what}: ${response.status} ${response.ok ? `${body.length} bytes` : body.slice(0, 120)}`);
    return response.status;
  };
  const untouched = () => {
    assert.deepEqual(readdirSync(beside), ['key']);
    assert.equal(readFileSync(join(beside, 'key'), 'utf8'), marker);
  };

  it('the bait is there: whoever followed these links outside would have it', () => {
    assert.equal(readFileSync(join(project, 'out', 'key'), 'utf8'), marker);
    assert.ok(readFileSync(`/proc/${server.program.pid}/environ`, 'utf8').includes(marker));
  });

  it('a path that is none, or leads up, in any spelling, is refused', async (t) => {
    const up = '../'.repeat(12);
    const paths = {
      'a plain ..': `/tmp/${up}etc/passwd`,
      'an encoded ..': '/tmp/%2e%2e/%2E%2E/etc/passwd',
      'an encoded slash': '%2Ftmp%2F..%2Fetc%2Fpasswd',
      'a .. at the end': '/tmp/..',
      'a .. that is all': '/..',
      'a relative one': 'etc/passwd',
      'a NUL': '/etc/passwd%00.txt',
      'no path': '',
      'one that is not UTF-8': '/tmp/%ff%fe',
      'an overlong dot': '/tmp/%c0%ae%c0%ae/etc',
      'one too long': `/${'a/'.repeat(3000)}`,
      'a home': '~/.ssh/id_rsa',
      'a URL': encode('file:///etc/passwd'),
    };
    for (const [what, path] of Object.entries(paths)) {
      for (const [verb, call] of Object.entries({
        read: files.get(path),
        zip: files.get(`${path}&format=zip`),
        write: files.put(path, 'x'),
        list: files.list(path),
      })) {
        const status = await outcome(t, `${verb}, ${what}`, call);
        assert.ok(status === 400 || status === 404, `${verb}, ${what}: ${status}`);
      }
    }
    // Names that only look so are names.
    for (const name of ['...', '..a', '%252e%252e', '..;', '.. ', '%5c..%5c']) {
      assert.equal(await outcome(t, `write ${name}`, files.put(`/tmp/names/${name}/x`, 'x')), 200);
    }
    assert.equal((await said('ls -A /tmp/names | wc -l')).trim(), '6');
    untouched();
  });

  it('a link leads to what its name is inside, never to the host', async (t) => {
    const targets = {
      beside: `${beside}/key`,
      'the data directory': `${server.dataDir}/key`,
      'the environment of the server': `/proc/${server.program.pid}/environ`,
      'the root of process 1': `/proc/1/root${beside}/key`,
      'the working directory of process 1': `/proc/1/cwd/../..${beside}/key`,
      'a descriptor of process 1': `/proc/1/fd/3${beside}/key`,
      'far up': `${'../'.repeat(40)}${beside.slice(1)}/key`,
      'the shadow file': '/etc/shadow',
    };
    await said('mkdir -p /tmp/links');
    let number = 0;
    for (const [what, target] of Object.entries(targets)) {
      const path = `/tmp/links/${(number += 1)}`;
      await said(`ln -s '${target}' ${path}; ln -s ${path} ${path}.again; ln -s "$(dirname '${target}')" ${path}.d`);
      for (const each of [path, `${path}.again`]) {
        const read = files.get(each);
        const status = await outcome(
          t,
          `read by a link to ${what}`,
          read.then((response) => response.clone()),
        );
        // Where the name leads to nothing inside, a write makes it there.
        assert.ok(status >= 400 || (await (await read).text()) === 'written', `${what}: ${status}`);
        await outcome(t, `write by a link to ${what}`, files.put(each, 'written'));
      }
      await outcome(t, `list a link to the directory of ${what}`, files.list(`${path}.d`));
      await outcome(t, `zip a link to the directory of ${what}`, files.get(`${path}.d&format=zip`));
    }
    await outcome(t, 'read by the link that was there', files.get('/srv/project/out/key'));
    await outcome(t, 'zip by the link that was there', files.get('/srv/project/out&format=zip'));
    untouched();
    assert.notEqual(readFileSync(join(server.dataDir, 'key'), 'latin1'), 'written');
    await said('ln -s /tmp/links/loop /tmp/links/loop');
    assert.equal(await outcome(t, 'read a link to itself', files.get('/tmp/links/loop')), 400);
    assert.equal(await outcome(t, 'write a link to itself', files.put('/tmp/links/loop', 'x')), 400);
  });

  it('a hard link is made to nothing of the host, and a write changes one name', async (t) => {
    assert.match(await said('ln /etc/hostname ~/hard; ln /srv/project/../../etc/passwd /srv/project/hard'), /exit 1/);
    await said('echo first > ~/one; ln ~/one ~/two');
    assert.equal(await outcome(t, 'write one of two names', files.put('/home/user/one', 'second')), 200);
    assert.equal(await said('cat ~/one ~/two'), 'secondfirst\n');
  });

  it('/proc shows the sandbox to itself, and nothing of it can be written', async (t) => {
    const kernel = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    for (const path of [
      '/proc/1/environ',
      '/proc/self/environ',
      '/proc/1/root/etc/shadow',
      '/proc/1/mem',
      '/proc/kcore',
    ]) {
      await outcome(t, `read ${path}`, files.get(path));
    }
    for (const path of [
      '/proc/sys/kernel/core_pattern',
      '/proc/sysrq-trigger',
      '/proc/1/mem',
      '/proc/1/oom_score_adj',
    ]) {
      const status = await outcome(t, `write ${path}`, files.put(path, '|/bin/sh'));
      assert.ok(status === 400 || status === 404, `${path}: ${status}`);
    }
    assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), kernel);
    const environment = await (await files.get('/proc/self/environ')).text();
    assert.equal(environment.includes('STANDIN_DATA_DIR'), false);
  });

  it('devices, pipes and sockets are no files, and none keeps a call waiting', async (t) => {
    await said(
      `mkdir -p /tmp/odd; cd /tmp/odd; mkfifo pipe; ln -s pipe way; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"; mknod device c 1 5; sleep 600 > pipe 2>&1 &`,
    );
    const places = ['zero', 'full', 'random', 'null', 'tty', 'ptmx', 'stdin'].map((name) => `/dev/${name}`);
    for (const path of [...places, '/tmp/odd/pipe', '/tmp/odd/way', '/tmp/odd/socket']) {
      const began = performance.now();
      assert.ok((await outcome(t, `read ${path}`, files.get(path))) >= 400, path);
      assert.ok((await outcome(t, `write ${path}`, files.put(path, 'x'))) >= 400, path);
      assert.ok(performance.now() - began < 10_000, `${path} kept it waiting`);
    }
    assert.equal(await said('ls /tmp/odd'), 'pipe\nsocket\nway\n');
    const zip = await files.get('/tmp/odd&format=zip');
    assert.equal((await namesIn(zip)).join(), 'odd/');
    assert.equal(await outcome(t, 'list them', files.list('/tmp/odd')), 200);
  });

  it('a name may be anything: it comes back as it was, and adds nothing to a head', async () => {
    const names = [
      'new\r\nSet-Cookie: a=b',
      'quote"; filename="x',
      '‮gnp.exe',
      'e\u0301 é',
      '😀'.repeat(63),
      '-rf',
      '$(id)`id`',
      ' ',
      '\\',
      'a'.repeat(255),
      '\u0085\u2028',
      'COM1',
    ];
    for (const name of names) {
      const path = encode(`/tmp/any/${name}`);
      const put = await files.put(path, name);
      assert.equal(put.status, 200, `${JSON.stringify(name)}: ${await put.clone().text()}`);
      const got = await files.get(path);
      assert.equal(await got.text(), name);
      assert.equal(got.headers.get('set-cookie'), null);
    }
    await said(`python3 -c "open(b'/tmp/any/\\xff\\xfe', 'w').write('bytes')"`);
    const { entries = [] }: { entries?: { name: string }[] } = JSON.parse(await (await files.list('/tmp/any')).text());
    assert.deepEqual(entries.map(({ name }) => name).toSorted(), [...names, '\ufffd\ufffd'].toSorted());
    assert.equal((await files.put(encode(`/tmp/any/${'a'.repeat(256)}`), 'x')).status, 400);
    assert.equal((await namesIn(await files.get('/tmp/any&format=zip'))).length, names.length + 2);
  });

  it('a zip has no name that leads out of where it is unpacked', async () => {
    await said(
      `mkdir -p /tmp/slip; cd /tmp/slip; touch '..\\..\\evil' 'C:\\evil' 'c:evil' '...' '..evil' '~' ' ..'; mkdir '\\' 'c:' ; touch 'c:/evil' '\\/..evil'; ln -s / root; ln -s ../.. up`,
    );
    const zip = await files.get('/tmp/slip&format=zip');
    const file = join(directory.path, 'slip.zip');
    writeFileSync(file, Buffer.from(await zip.arrayBuffer()));
    const names = zipNames(file);
    assert.equal(names.length, 12, names.join('\n'));
    for (const name of names) {
      assert.doesNotMatch(name, /^\/|\\|^[a-z]:|(^|\/)\.\.(\/|$)/i, name);
    }
    const into = join(directory.path, 'unpacked');
    execFileSync('python3', ['-m', 'zipfile', '-e', file, into]);
    assert.deepEqual(readdirSync(into), ['slip']);
    assert.equal(existsSync(join(directory.path, 'evil')), false);
  });

  async function namesIn(response: Response): Promise<string[]> {
    const file = join(directory.path, 'names.zip');
    writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    return zipNames(file);
  }
});

function zipNames(file: string): string[] {
  const program = 'import json, sys, zipfile; print(json.dumps(zipfile.ZipFile(sys.argv[1]).namelist()))';
  const names: unknown = JSON.parse(execFileSync('python3', ['-c', program, file]).toString());
  return Array.isArray(names) ? names.map(String) : [];
}

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);
