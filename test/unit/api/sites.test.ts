import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { temporaryDirectory } from '../../support/temporary.ts';
import { keyed, send, startServer } from './harness.ts';

const page = '<!doctype html><script src="/assets/app-1a2b.js"></script><p>the console</p>';
const script = 'console.log("hello")'.repeat(50);
const asPage = { accept: 'text/html,*/*', 'sec-fetch-dest': 'document' };

async function withSites(t: TestContext) {
  const directory = temporaryDirectory('sites');
  t.after(() => directory.remove());
  const site = join(directory.path, 'console');
  const docs = join(directory.path, 'docs');
  mkdirSync(join(site, 'assets'), { recursive: true });
  mkdirSync(join(docs, 'guide'), { recursive: true });
  writeFileSync(join(directory.path, 'outside.txt'), 'not for anybody');
  writeFileSync(join(site, 'index.html'), page);
  writeFileSync(join(site, 'assets', 'app-1a2b.js'), script);
  writeFileSync(join(site, 'assets', 'app-1a2b.js.br'), brotliCompressSync(script));
  writeFileSync(join(docs, 'index.html'), '<p>docs</p><script>theme()</script>');
  writeFileSync(join(docs, 'guide', 'index.html'), '<p>guide</p>');
  writeFileSync(join(docs, 'errors.html'), '<p>errors</p>');
  return await startServer(t, { sites: { console: site, docs } });
}

test('the console is served at / under a policy that lets nothing in from elsewhere', async (t) => {
  const server = await withSites(t);
  const reply = await send(server, 'GET', { path: '/', headers: asPage });
  assert.equal(reply.status, 200);
  assert.equal(reply.text, page);
  const policy = String(reply.headers['content-security-policy']);
  assert.match(
    policy,
    /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' /,
  );
  assert.match(policy, /frame-ancestors 'none'; base-uri 'none'; form-action 'self'$/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(reply.headers['x-content-type-options'], 'nosniff');
  assert.equal(reply.headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(reply.headers['cross-origin-resource-policy'], 'same-origin');
  assert.equal(reply.headers['referrer-policy'], 'no-referrer');
  assert.equal(reply.headers['cache-control'], 'no-cache');
  const again = await send(server, 'GET', { path: '/', headers: { 'if-none-match': String(reply.headers['etag']) } });
  assert.deepEqual([again.status, again.text], [304, '']);
});

test('a hashed file is kept for ever, and sent as it was compressed to whoever takes that', async (t) => {
  const server = await withSites(t);
  const response = await fetch(`${server.url}/assets/app-1a2b.js`, { headers: { 'accept-encoding': 'br' } });
  assert.equal(response.headers.get('content-encoding'), 'br');
  assert.equal(response.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal(response.headers.get('vary'), 'Accept-Encoding');
  assert.equal(await response.text(), script);
  const plain = await send(server, 'GET', { path: '/assets/app-1a2b.js', headers: { 'accept-encoding': 'br;q=0' } });
  assert.equal(plain.text, script);
  assert.equal(brotliDecompressSync(brotliCompressSync(script)).toString(), script);
});

test('a page is answered to browsers that go to one, never in the place of the API or of a file', async (t) => {
  const server = await withSites(t);
  const get = (path: string, headers: Record<string, string> = asPage) => send(server, 'GET', { path, headers });
  assert.equal((await get('/ui/secrets')).text, page);
  assert.equal((await get('/assets/missing.js', { accept: '*/*' })).status, 404);
  assert.equal((await get('/ui/secrets', { accept: 'application/json' })).status, 404);
  for (const path of ['/secrets', '/secrets/x/y/z', '/sandboxes/nothing/here', '/requests', '/health/more']) {
    const reply = await get(path);
    assert.match(String(reply.headers['content-type']), /^application\/json/, path);
    assert.notEqual(reply.text, page);
  }
  assert.equal((await send(server, 'POST', { path: '/ui/secrets', headers: asPage })).status, 404);
  assert.equal((await get('/health', keyed(server))).status, 200);
});

test('no path leads out of the directory', async (t) => {
  const server = await withSites(t);
  for (const path of [
    '/../outside.txt',
    '/%2e%2e/outside.txt',
    '/assets/..%2f..%2foutside.txt',
    '/..%5coutside.txt',
    '//outside.txt',
  ]) {
    const reply = await send(server, 'GET', { path, headers: { accept: '*/*' } });
    assert.ok(!reply.text.includes('not for anybody'), path);
  }
});

test('the documentation is at /docs, with its own scripts alone', async (t) => {
  const server = await withSites(t);
  const moved = await send(server, 'GET', { path: '/docs' });
  assert.deepEqual([moved.status, moved.headers['location']], [308, '/docs/']);
  const reply = await send(server, 'GET', { path: '/docs/' });
  assert.match(reply.text, /docs/);
  assert.match(String(reply.headers['content-security-policy']), /script-src 'self' 'sha256-[A-Za-z0-9+/]{43}='/);
  assert.match((await send(server, 'GET', { path: '/docs/errors' })).text, /errors/);
  assert.match((await send(server, 'GET', { path: '/docs/guide/' })).text, /guide/);
  assert.equal((await send(server, 'GET', { path: '/docs/nothing', headers: asPage })).status, 404);
});

test('a console that was not built says how to build it, and one that is switched off is not there', async (t) => {
  const empty = temporaryDirectory('no-site');
  t.after(() => empty.remove());
  const server = await startServer(t, { sites: { console: join(empty.path, 'dist') } });
  const reply = await send(server, 'GET', { path: '/', headers: asPage });
  assert.match(reply.text, /npm run build:console/);
  const off = await startServer(t);
  assert.match((await send(off, 'GET', { path: '/', headers: asPage })).text, /"code":"not_found"/);
});

test('files of the sites are logged for debugging alone, what was not there as any request', async (t) => {
  const server = await withSites(t);
  for (const path of ['/', '/assets/app-1a2b.js', '/docs/', '/assets/none.js', '/no-such-operation/x']) {
    await send(server, 'GET', { path });
  }
  await server.client.secrets.list();
  const lines = server
    .logged()
    .split('\n')
    .flatMap((line) => (line.includes('"msg":"request"') ? [JSON.parse(line)] : []));
  const [debug, info] = [20, 30];
  for (const { operation, status, level } of lines) {
    assert.equal(level, operation === null && status === 200 ? debug : info, `${operation} ${status}`);
  }
  assert.ok(lines.filter(({ level }) => level === debug).length >= 3);
  assert.ok(lines.some(({ level, status }) => level === info && status === 404));
});
