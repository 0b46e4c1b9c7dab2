import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { freePorts } from '../support/ports.ts';
import { waitUntil } from '../support/processes.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';
import { driverName, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';

/** What an agent would serve: pages, a stream, cookies, a WebSocket that echoes frames as they are. */
const program = `
const http = require('http'), crypto = require('crypto');
http.createServer((q, s) => {
  if (q.url.startsWith('/cookies')) {
    s.setHeader('Set-Cookie', ['a=1; Domain=sandbox.example.com; Path=/', '__Host-superserve_preview_token=x; Path=/; Secure', 'b=2']);
    s.setHeader('Strict-Transport-Security', 'max-age=9; includeSubDomains');
    s.setHeader('Clear-Site-Data', q.url === '/cookies/all' ? '"*"' : '"cookies", "storage",  "clientHints"');
  }
  if (q.url === '/stream') { s.write('first\\n'); globalThis.go = () => s.end('last\\n'); return; }
  if (q.url === '/go') { globalThis.go(); s.end(); return; }
  if (q.url === '/gone') { q.socket.destroy(); return; }
  if (q.url === '/upload') { let n = 0; q.on('data', (d) => (n += d.length)).on('end', () => s.end(String(n))); return; }
  s.end(JSON.stringify({ method: q.method, url: q.url, headers: q.headers }));
}).on('upgrade', (q, socket) => {
  const accept = crypto.createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  socket.on('data', (d) => {
    // A short masked text frame comes back unmasked.
    const length = d[1] & 127, mask = d.subarray(2, 6), body = Buffer.from(d.subarray(6, 6 + length)).map((b, i) => b ^ mask[i % 4]);
    if ((d[0] & 15) === 1) socket.write(Buffer.concat([Buffer.from([0x81, length]), body]));
    else socket.end();
  });
}).listen(8000, '127.0.0.1', () => console.log('up'));
`;

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

describe('a preview', { skip: skipWithoutDriver }, () => {
  const domain = 'sandbox.example.com';
  let server: StandinServer;
  let sandbox: SandboxWithAccess;
  let port = 0;
  let ca = '';

  before(async () => {
    [port = 0] = await freePorts(1);
    const env = {
      STANDIN_SANDBOX_DRIVER: driverName,
      STANDIN_DATAPLANE_LISTEN: `127.0.0.1:${port}`,
      STANDIN_DATAPLANE_DOMAIN: domain,
    };
    server = await startStandin({ env });
    ca = readFileSync(join(server.dataDir, 'ca.pem'), 'utf8');
    sandbox = await server.client.sandboxes.create({ name: 'preview' });
    await server.client.exec(sandbox, { command: `node -e '${program.replaceAll("'", `'\\''`)}' > /tmp/log 2>&1 &` });
    await waitUntil(async () => (await server.client.exec(sandbox, { command: 'cat /tmp/log' })).stdout === 'up\n', {
      what: 'the server in the sandbox',
    });
    await server.client.previews.publish(sandbox.id, { port: 8000, access: 'public' });
    await server.client.previews.publish(sandbox.id, { port: 8001 });
  });
  after(() => server.stop());

  const nameOf = (place: number, id = sandbox.id) => `${place}-${id}.${domain}`;
  function get(
    path: string,
    {
      host = nameOf(8000),
      headers = {},
      method = 'GET',
      body = '',
    }: { host?: string; headers?: Record<string, string>; method?: string; body?: string } = {},
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        servername: host,
        ca,
        path,
        method,
        headers: { host, ...headers },
        agent: false,
      };
      httpsRequest(options, (response) => {
        text(response).then(
          (said) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: said }),
          reject,
        );
      })
        .on('error', reject)
        .end(body);
    });
  }

  function openWebSocket(headers: Record<string, string> = {}): WebSocket {
    return new WebSocket(`wss://${nameOf(8000)}:${port}/ws`, [], {
      ca,
      headers,
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    });
  }

  it('of a public port is what the sandbox serves, without what is between us and the browser', async () => {
    const secrets = {
      'x-api-key': server.apiKey,
      'x-access-token': sandbox.access_token,
      'x-superserve-preview-token': 't',
    };
    const cookie = 'mine=1; __Host-superserve_preview_token=stale; other=2';
    const reply = await get('/page?a=1&superserve_preview_token=x&b=2', {
      method: 'POST',
      body: 'x',
      headers: { ...secrets, cookie, 'x-forwarded-for': 'liar' },
    });
    assert.equal(reply.status, 200);
    const seen: { method: string; url: string; headers: Record<string, string> } = JSON.parse(reply.body);
    assert.deepEqual([seen.method, seen.url], ['POST', '/page?a=1&b=2']);
    assert.equal(seen.headers['host'], nameOf(8000));
    assert.equal(seen.headers['cookie'], 'mine=1; other=2');
    assert.deepEqual([seen.headers['x-forwarded-proto'], seen.headers['x-forwarded-for']], ['https', '127.0.0.1']);
    for (const name of Object.keys(secrets)) assert.equal(seen.headers[name], undefined, name);
  });

  it('sets no cookie for other hosts, nor ours, and says nothing for the whole name', async () => {
    const { headers } = await get('/cookies');
    assert.deepEqual(headers['set-cookie'], ['a=1; Path=/', 'b=2']);
    assert.equal(headers['strict-transport-security'], undefined);
  });

  it('has the browser forget what is its own, and no cookie of the whole domain, by which people are signed in', async () => {
    assert.equal((await get('/cookies')).headers['clear-site-data'], '"storage"');
    assert.equal((await get('/cookies/all')).headers['clear-site-data'], '"cache", "storage", "executionContexts"');
  });

  it('streams both ways', async () => {
    const size = 5_000_000;
    assert.equal((await get('/upload', { method: 'POST', body: 'x'.repeat(size) })).body, String(size));
    const host = nameOf(8000);
    const stream = httpsRequest({
      host: '127.0.0.1',
      port,
      servername: host,
      ca,
      path: '/stream',
      headers: { host },
      agent: false,
    }).end();
    const [response] = await once(stream, 'response');
    const pieces: string[] = [];
    for await (const piece of response) {
      pieces.push(String(piece));
      if (pieces.length === 1) await get('/go');
    }
    assert.deepEqual(pieces, ['first\n', 'last\n']);
  });

  it('carries WebSockets', async () => {
    const socket = openWebSocket();
    await once(socket, 'open');
    socket.send('hello');
    assert.equal(String((await once(socket, 'message'))[0]), 'hello');
    socket.terminate();
  });

  it('answers in words where nothing listens, what listens breaks off, or the sandbox is paused', async () => {
    await server.client.previews.publish(sandbox.id, { port: 8002, access: 'public' });
    const empty = await get('/', { host: nameOf(8002), headers: { accept: 'text/html' } });
    assert.equal(empty.status, 503);
    assert.match(empty.body, /Nothing listens on port 8002/);
    assert.equal((await get('/gone')).status, 503);
    const other = await server.client.sandboxes.create({ name: 'paused' });
    await server.client.previews.publish(other.id, { port: 8000, access: 'public' });
    await server.client.sandboxes.pause(other.id);
    const paused = await get('/', { host: nameOf(8000, other.id) });
    assert.deepEqual([paused.status, /paused/.test(paused.body)], [503, true]);
  });

  describe('of a private port', () => {
    const here = { host: '' };
    before(async () => {
      await server.client.previews.publish(sandbox.id, { port: 8000, access: 'private' });
      here.host = nameOf(8000);
    });
    after(() => server.client.previews.publish(sandbox.id, { port: 8000, access: 'public' }));
    const headerOf = (token: string) => ({ ...here, headers: { 'x-superserve-preview-token': token } });

    it('is refused in the same words as what is not published, and what never was', async () => {
      const { token } = await server.client.previews.token(sandbox.id, 8001);
      const replies = [
        await get('/', here),
        await get('/', headerOf('0.wrong')),
        // Of another port of the same sandbox.
        await get('/', headerOf(token)),
        await get('/', { host: nameOf(9999) }),
        await get('/', { host: nameOf(8000, '6f1c1f0e-0000-4000-8000-000000000000') }),
      ];
      for (const { status } of replies) assert.equal(status, 401);
      assert.equal(new Set(replies.map(({ body }) => body)).size, 1);
    });

    it('takes a token in a header until it ends, is rotated, or the port is unpublished', async () => {
      const { previews } = server.client;
      const short = await previews.token(sandbox.id, 8000, 1);
      assert.equal((await get('/', headerOf(short.token))).status, 200);
      assert.ok(short.expires_at !== null);
      await waitUntil(async () => (await get('/', headerOf(short.token))).status === 401, { what: 'the token to end' });
      const forged = `${Number(short.token.split('.')[0]) + 1000}.${short.token.split('.')[1]}`;
      assert.equal((await get('/', headerOf(forged))).status, 401);
      const long = await previews.token(sandbox.id, 8000);
      assert.equal((await get('/', headerOf(long.token))).status, 200);
      const next = await previews.rotate(sandbox.id, 8000);
      assert.equal((await get('/', headerOf(long.token))).status, 401);
      assert.equal((await get('/', headerOf(next.token))).status, 200);
      await previews.unpublish(sandbox.id, 8000);
      assert.equal((await get('/', headerOf(next.token))).status, 401);
      await previews.publish(sandbox.id, { port: 8000 });
      assert.equal((await get('/', headerOf(next.token))).status, 401);
    });

    it('is entered by a signed link, which becomes a cookie of that host alone', async () => {
      const { token, query_param: name } = await server.client.previews.token(sandbox.id, 8000, 600);
      const link = await get(`//page?x=1&${name}=${token}`, here);
      assert.equal(link.status, 303);
      assert.equal(link.headers.location, '/page?x=1');
      const [cookie = ''] = link.headers['set-cookie'] ?? [];
      assert.match(
        cookie,
        /^__Host-superserve_preview_token=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Expires=/,
      );
      assert.ok(!/domain/i.test(cookie));
      const escaped = await get(`/page?x=1&${name.replaceAll('_', '%5F')}=${token}`, here);
      assert.equal(escaped.headers.location, '/page?x=1');
      const headers = { cookie: cookie.split(';')[0] ?? '' };
      assert.equal((await get('/page', { ...here, headers })).status, 200);
      const page = await get('/', { ...here, headers: { accept: 'text/html' } });
      assert.match(page.body, /signed link/);
    });

    it('takes its cookie from no page of another sandbox, which is of the same site', async () => {
      const { token } = await server.client.previews.token(sandbox.id, 8000);
      const cookie = `__Host-superserve_preview_token=${token}`;
      const other = `https://${nameOf(8000, '00000000-0000-4000-8000-000000000000')}:${port}`;
      const statusOf = async (headers: Record<string, string>, method = 'GET') =>
        (await get('/page', { ...here, headers, method })).status;
      for (const origin of [other, 'null', `https://api.${domain}`, 'https://evil.example.com']) {
        assert.equal(await statusOf({ cookie, origin }, 'POST'), 403, origin);
        assert.equal(await statusOf({ cookie, origin, 'sec-fetch-mode': 'navigate' }, 'POST'), 403, origin);
      }
      const sameSite = { cookie, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' };
      assert.equal(await statusOf(sameSite), 403, 'a script or a picture');
      assert.equal(await statusOf({ ...sameSite, referer: `${other}/` }), 403);
      assert.equal(await statusOf({ ...sameSite, referer: `https://${nameOf(8001)}:${port}/` }), 200, 'another port');
      assert.equal(await statusOf({ cookie, origin: `https://${nameOf(8001)}:${port}` }, 'POST'), 200);
      assert.equal(await statusOf({ cookie, origin: `https://${here.host}:${port}` }, 'POST'), 200, 'its own page');
      assert.equal(await statusOf({ ...sameSite, 'sec-fetch-mode': 'navigate' }), 200, 'a link');
      assert.equal(await statusOf({ 'x-superserve-preview-token': token, origin: other }, 'POST'), 200, 'no cookie');
    });

    it('opens a WebSocket by cookie for its own pages only', async () => {
      const { token } = await server.client.previews.token(sandbox.id, 8000);
      const cookie = `__Host-superserve_preview_token=${token}`;
      const open = (origin: string) => openWebSocket({ cookie, origin });
      const own = open(`https://${here.host}:${port}`);
      await once(own, 'open');
      own.terminate();
      const foreign = open('https://evil.example.com');
      const [error] = await once(foreign, 'error');
      assert.match(String(error), /403/);
    });

    it('holds back who tries wrong tokens, and nobody whose token was right before and who comes from the same address', async () => {
      const { token } = await server.client.previews.token(sandbox.id, 8000);
      assert.equal((await get('/', headerOf(token))).status, 200);
      const wrong = headerOf(`0.${'A'.repeat(43)}`);
      await waitUntil(async () => (await get('/', wrong)).status === 429, { what: 'wrong tokens to be held back' });
      assert.equal((await get('/', headerOf(token))).status, 200);
      assert.equal((await get('/', wrong)).status, 429);
    });
  });

  it('is not where the API is, and the API is not where it is', async () => {
    const headers = { 'x-api-key': server.apiKey };
    const onPreview = await get('/sandboxes', { headers });
    assert.match(onPreview.body, /"url":"\/sandboxes"/, 'the sandbox answered');
    assert.equal((await get('/sandboxes', { host: `boxd-${sandbox.id}.${domain}`, headers })).status, 404);
    assert.equal((await get('/sandboxes', { host: domain, headers })).status, 404);
  });

  it('is there without TLS too, at the API’s own listener, for a browser on this machine', async () => {
    const { hostname, port: apiPort } = new URL(server.url);
    const ask = httpRequest({
      host: hostname,
      port: apiPort,
      path: '/plain',
      headers: { host: `${nameOf(8000)}:${apiPort}` },
      agent: false,
    }).end();
    const [response] = await once(ask, 'response');
    assert.match(await text(response), /"url":"\/plain"/);
  });

  it('is managed by its own team, and not for sandboxes that somebody else runs', async () => {
    const { previews, sandboxes } = server.client;
    const { ports, preview_access: access } = await previews.list(sandbox.id);
    assert.equal(access, 'private');
    assert.deepEqual(
      ports.map((each) => [each.port, each.access]),
      [
        [8000, 'public'],
        [8001, 'private'],
        [8002, 'public'],
      ],
    );
    const external = await sandboxes.create({ name: 'x', driver: 'external' });
    await assert.rejects(previews.publish(external.id, { port: 8000 }), { status: 409 });
    await assert.rejects(previews.publish(sandbox.id, { port: 80 }), { status: 400 });
    await assert.rejects(previews.publish(sandbox.id, { port: 49_983 }), { status: 400 });
    await assert.rejects(previews.token(sandbox.id, 9000), { status: 404 });
  });
});

againInGvisor(import.meta.filename);
