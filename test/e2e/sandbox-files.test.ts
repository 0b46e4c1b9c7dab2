import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { dataPlane } from '../support/file-api.ts';
import { memoryOf, skipWithout } from '../support/processes.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';
import { driverName, inGvisor, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const megabyte = 1024 * 1024;

describe('files of a sandbox over HTTP', { skip: skipWithoutDriver || skipWithout('python3') }, () => {
  const directory = temporaryDirectory('files');
  let server: StandinServer;
  let sandbox: SandboxWithAccess;
  before(async () => {
    server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: driverName, STANDIN_SANDBOX_DISK: '600' } });
    sandbox = await server.client.sandboxes.create({ name: 'files' });
  });
  after(async () => {
    await server.stop();
    directory.remove();
  });

  const headers = (box = sandbox) => dataPlane(box);
  const urlOf = (path: string, more = '') => `${server.url}/files?path=${encodeURIComponent(path)}${more}`;
  const put = (path: string, body: string | Buffer<ArrayBuffer>, box = sandbox) =>
    fetch(urlOf(path), {
      method: 'POST',
      headers: { ...headers(box), 'content-type': 'application/octet-stream' },
      body,
    });
  const get = (path: string, more = '', box = sandbox) => fetch(urlOf(path, more), { headers: headers(box) });
  const said = async (command: string) => (await server.client.exec(sandbox, { command })).stdout;

  function send(path: string, chunks: Iterable<Buffer>, more: Record<string, string> = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request(urlOf(path), { method: 'POST', headers: { ...headers(), ...more } }, resolve);
      outgoing.on('error', reject);
      Readable.from(chunks).pipe(outgoing);
    });
  }
  function* blocks(size: number): Generator<Buffer> {
    const block = Buffer.alloc(megabyte);
    for (let at = 0; at < size; at += megabyte) {
      block.writeUInt32BE(at / megabyte, 0);
      yield Buffer.from(block);
    }
  }
  const peakMib = () => memoryOf(server.program.pid, 'VmHWM') / 2 ** 20;

  it('go up and down whole, of any type and name, with what a browser is to make of them', async () => {
    const name = '/home/user/a b/ü"%.txt';
    const up = await put(name, 'häßlich');
    assert.deepEqual([up.status, await up.json()], [200, { path: name, size: 9 }]);
    const down = await get(name);
    assert.equal(await down.text(), 'häßlich');
    assert.equal(down.headers.get('content-length'), '9');
    assert.equal(down.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(
      down.headers.get('content-disposition'),
      `attachment; filename="___.txt"; filename*=UTF-8''%C3%BC%22%25.txt`,
    );
    const json = await fetch(urlOf('/tmp/x.json'), {
      method: 'POST',
      headers: { ...headers(), 'content-type': 'application/json' },
      body: '{',
    });
    assert.equal(json.status, 200);
    assert.equal(await (await get('/tmp/x.json')).text(), '{');
    assert.equal((await put('/tmp/none', '')).status, 200);
    assert.equal((await get('/tmp/none')).headers.get('content-length'), '0');
    assert.match(await (await get('/proc/self/status')).text(), /^Name/);
  });

  it('of hundreds of megabytes leave the server’s memory as it is', async () => {
    const size = 400 * megabyte;
    await send('/tmp/warm', blocks(20 * megabyte));
    const peakBefore = peakMib();
    const up = await send('/tmp/large', blocks(size));
    assert.equal(await text(up), JSON.stringify({ path: '/tmp/large', size }));
    const hash = createHash('sha256');
    for await (const chunk of (await get('/tmp/large')).body ?? []) hash.update(chunk);
    const expected = createHash('sha256');
    for (const block of blocks(size)) expected.update(block);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
    const grown = peakMib() - peakBefore;
    assert.ok(grown < 150, `${grown.toFixed(0)} MiB`);
    await said('rm /tmp/large /tmp/warm');
  });

  it('for which there is no room are refused while they are sent, and nothing is left', async () => {
    // Who sends without listening may see its connection end before it sees the answer.
    const answer = await send('/tmp/too-much', blocks(900 * megabyte)).catch((error: unknown) => {
      assert.match(String(error), /EPIPE|ECONNRESET/);
      return null;
    });
    if (answer !== null) {
      assert.equal(answer.statusCode, 507);
      assert.match(await text(answer), /sandbox_storage_full/);
    }
    assert.equal(await said('ls -A /tmp | grep -c -e too-much -e standin-'), '0\n');
    const small = await put('/tmp/full', Buffer.alloc(700 * megabyte));
    assert.deepEqual([small.status, /sandbox_storage_full/.test(await small.text())], [507, true]);
    assert.equal((await put('/tmp/fits', 'x')).status, 200);
  });

  it('that are not sent to their end are not there', async () => {
    const outgoing = request(urlOf('/tmp/half'), {
      method: 'POST',
      headers: { ...headers(), 'content-length': '1000' },
    });
    outgoing.on('error', () => undefined);
    await new Promise((resolve) => outgoing.write('half', resolve));
    outgoing.destroy();
    assert.equal((await get('/tmp/half')).status, 404);
  });

  it('are refused with a reason where they cannot be', async () => {
    const refusals: [Response, number, RegExp][] = [
      [await get('/tmp/nowhere'), 404, /path: there is nothing/],
      [await get('/tmp'), 400, /format=zip/],
      [await get('relative'), 400, /path: must be an absolute path/],
      [await get('/tmp/../etc/passwd'), 400, /path: must be an absolute path/],
      // gVisor asks who may before it asks what can be written.
      [await put('/usr/x', 'x'), 400, inGvisor ? /may not do that/ : /cannot be written/],
      [await get('/tmp/nowhere', '&format=zip'), 404, /path: there is nothing/],
      [await get('/etc/passwd', '&format=tar'), 400, /format/],
      [
        await fetch(urlOf('/etc/passwd'), { headers: { ...headers(), 'x-access-token': 'wrong' } }),
        401,
        /X-Access-Token/,
      ],
    ];
    for (const [response, status, words] of refusals) {
      const body = await response.text();
      assert.equal(response.status, status, body);
      assert.match(body, words);
    }
    const external = await server.client.sandboxes.create({ name: 'elsewhere', driver: 'external' });
    assert.equal((await get('/etc/passwd', '', external)).status, 409);
    assert.equal((await put('/tmp/x', 'x', external)).status, 409);
  });

  it('of a directory come as a zip that others read, without links', async () => {
    await said(
      'mkdir -p /tmp/d/sub/empty "/tmp/d/c:x"; cd /tmp/d; echo one > one; head -c 300000 /dev/urandom > sub/big; echo ü > sub/ü; ln -s /etc/passwd link; chmod 750 one; echo b > \'back\\slash\'; echo o > old; touch -d @0 old',
    );
    const zip = join(directory.path, 'd.zip');
    const response = await get('/tmp/d', '&format=zip');
    assert.equal(response.headers.get('content-type'), 'application/zip');
    writeFileSync(zip, Buffer.from(await response.arrayBuffer()));
    const list = `import zipfile, sys
z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
# Who unpacks it while it arrives finds the end of each: it is packed, or says its size in front.
assert all(i.compress_type or not i.flag_bits & 8 for i in z.infolist())
for i in sorted(z.infolist(), key=lambda i: i.filename): print(i.filename, i.file_size, oct(i.external_attr >> 16 & 0o777))`;
    const said_ = execFileSync('python3', ['-c', list, zip]).toString();
    assert.deepEqual(said_.trim().split('\n'), [
      'd/ 0 0o755',
      'd/back_slash 2 0o644',
      'd/c:x/ 0 0o755',
      'd/old 2 0o644',
      'd/one 4 0o750',
      'd/sub/ 0 0o755',
      'd/sub/big 300000 0o644',
      'd/sub/empty/ 0 0o755',
      'd/sub/ü 3 0o644',
    ]);
  });

  it('of a directory are named from its own name on, whatever that is, and a file comes as it is', async () => {
    const namesIn = async (path: string) => {
      const zip = join(directory.path, 'names.zip');
      writeFileSync(zip, Buffer.from(await (await get(path, '&format=zip')).arrayBuffer()));
      return execFileSync('python3', [
        '-c',
        'import zipfile, sys; print(*sorted(zipfile.ZipFile(sys.argv[1]).namelist()))',
        zip,
      ])
        .toString()
        .trim();
    };
    await said('mkdir -p "/tmp/n/c:x" /tmp/n/empty; touch "/tmp/n/c:x/file"; ln -s /tmp/n /tmp/way');
    assert.equal(await namesIn('/tmp/n/c:x'), './c:x/ ./c:x/file');
    assert.equal(await namesIn('/tmp/n/empty/'), 'empty/');
    assert.equal(await namesIn('/tmp/way'), 'way/ way/c:x/ way/c:x/file way/empty/');
    await said('printf whole > /tmp/n/single');
    const single = await get('/tmp/n/single', '&format=zip');
    assert.deepEqual(
      [single.status, single.headers.get('content-type'), await single.text()],
      [200, 'application/octet-stream', 'whole'],
    );
    assert.match(single.headers.get('content-disposition') ?? '', /filename="single"/);
    assert.equal((await get('/tmp/n/single/below', '&format=zip')).status, 400);
    assert.equal((await get('/dev/zero', '&format=zip')).status, 400);
  });

  it('are listed by the control plane too', async () => {
    await said('mkdir -p /tmp/l/s; printf 123 > /tmp/l/f');
    const entries = await server.client.sandboxes.files(sandbox.id, '/tmp/l');
    assert.deepEqual(
      entries.map(({ name, is_dir: isDirectory, size }) => [name, isDirectory, size]),
      [
        ['f', false, 3],
        ['s', true, 0],
      ],
    );
  });
});

againInGvisor(import.meta.filename);
