import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { bearerSecret, keyed, send, sendRaw, startServer } from './harness.ts';

test('health says the version without a key, and 503 where the server cannot work', async (t) => {
  let broken = false;
  const health = () => (broken ? Promise.reject(new Error('database /secret/path is gone')) : Promise.resolve());
  const server = await startServer(t, { health });
  assert.deepEqual(await server.client.health(), { status: 'ok', version: '1.2.3' });
  broken = true;
  const reply = await send(server, 'GET', { path: '/health' });
  assert.equal(reply.status, 503);
  assert.equal(reply.error().code, 'unavailable');
  assert.doesNotMatch(reply.text, /secret\/path/);
  assert.match(server.logged(), /secret\/path/);
});

test('the OpenAPI document is served as it is', async (t) => {
  const server = await startServer(t);
  const document: unknown = JSON.parse((await send(server, 'GET', { path: '/openapi.json' })).text);
  assert.ok(typeof document === 'object' && document !== null && 'paths' in document);
  assert.ok(typeof document.paths === 'object' && document.paths !== null && '/secrets' in document.paths);
});

test('every answer, refusals included, forbids caching and sniffing and has a request id of its own', async (t) => {
  const server = await startServer(t);
  const replies = [
    await send(server, 'GET', { path: '/health' }),
    await send(server, 'GET', { path: '/secrets' }),
    await send(server, 'GET', { path: '/nowhere' }),
    await send(server, 'GET', { path: '/secrets/%zz' }),
    await send(server, 'GET', { path: '/health', headers: { host: 'evil.example' } }),
    await send(server, 'GET', { path: '/secrets', headers: { ...keyed(server), 'x-request-id': 'mine' } }),
  ];
  for (const { headers } of replies) {
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-type']), /^application\/json/);
  }
  const ids = replies.map(({ headers }) => String(headers['x-request-id']));
  for (const id of ids) assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(new Set(ids).size, replies.length);
});

test('a path that is none and a method that a path does not take are 404 in the error envelope', async (t) => {
  const server = await startServer(t);
  const nowhere = await send(server, 'GET', { path: '/templates', headers: keyed(server) });
  assert.equal(nowhere.status, 404);
  assert.equal(nowhere.error().code, 'not_found');
  assert.equal(nowhere.headers['allow'], undefined);
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const reply = await send(server, method, { path: '/secrets?x=1', headers: keyed(server) });
    assert.equal(reply.status, 404, method);
    assert.match(reply.error().message, /this path takes POST, GET/);
    assert.equal(reply.headers['allow'], 'POST, GET');
  }
  assert.equal((await send(server, 'HEAD', { path: '/health' })).status, 404);
});

test('only JSON is taken: any other media type, or none, is 415', async (t) => {
  const server = await startServer(t);
  const body = JSON.stringify(bearerSecret);
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json-patch',
    '',
  ]) {
    const reply = await send(server, 'POST', {
      path: '/secrets',
      headers: { ...keyed(server), 'content-type': type },
      body,
    });
    assert.equal(reply.status, 415, `${type}: ${reply.text}`);
    assert.equal(reply.error().code, 'unsupported_media_type');
  }
  const bytes = Buffer.from(body);
  const raw = await sendRaw(
    server,
    `POST /secrets HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${server.apiKey}\r\nContent-Length: ${bytes.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  assert.match(raw, /^HTTP\/1\.1 415 /);
  assert.deepEqual(await server.client.secrets.list(), []);
  const headers = { ...keyed(server), 'content-type': 'Application/JSON; charset=UTF-8' };
  assert.equal((await send(server, 'POST', { path: '/secrets', headers, body })).status, 201);
});

const padded = (size: number) => JSON.stringify(bearerSecret).padEnd(size, ' ');

test('a body of 64 KiB is read, one byte more is 413, declared or chunked', async (t) => {
  const server = await startServer(t);
  const over = await send(server, 'POST', { path: '/secrets', headers: keyed(server), body: padded(65_537) });
  assert.equal(over.status, 413);
  assert.equal(over.error().code, 'payload_too_large');
  const chunked = { ...keyed(server), 'transfer-encoding': 'chunked' };
  const streamed = await send(server, 'POST', { path: '/secrets', headers: chunked, body: padded(70_000) });
  assert.equal(streamed.status, 413);
  assert.deepEqual(await server.client.secrets.list(), []);
  const exact = await send(server, 'POST', { path: '/secrets', headers: keyed(server), body: padded(65_536) });
  assert.equal(exact.status, 201, exact.text);
});

test('a loopback listener answers only to its own names, so that a rebound DNS name reaches nothing', async (t) => {
  const server = await startServer(t);
  const health = (host: string) => send(server, 'GET', { path: '/health', headers: { host } });
  for (const host of [
    'localhost',
    `localhost:${server.port}`,
    '127.0.0.1',
    `127.0.0.1:${server.port}`,
    '[::1]:80',
    'LOCALHOST',
  ]) {
    assert.equal((await health(host)).status, 200, host);
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'boxd-x.sandbox.localhost',
    '10.0.0.1',
    '[::2]',
  ]) {
    const reply = await health(host);
    assert.equal(reply.status, 403, host);
    assert.equal(reply.error().code, 'forbidden');
  }
  const raw = (head: string) => sendRaw(server, `GET /health HTTP/1.1\r\n${head}Connection: close\r\n\r\n`);
  assert.match(await raw('Host:\r\n'), /^HTTP\/1\.1 403 /);
  assert.match(await raw('Host: localhost\r\nHost: evil.example\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(await raw(''), /^HTTP\/1\.1 400 /);
});

test('what is no HTTP is refused in the envelope, and the connection ends', async (t) => {
  const server = await startServer(t);
  for (const bytes of ['nonsense\r\n\r\n', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`]) {
    const reply = await sendRaw(server, bytes);
    assert.match(reply, /^HTTP\/1\.1 400 /);
    assert.match(reply, /\r\n\r\n\{"error":\{"code":"bad_request","message":"[^"]+"\}\}$/);
  }
});

test('a broken percent escape is 400, and the path is not repeated', async (t) => {
  const server = await startServer(t);
  const reply = await send(server, 'GET', { path: '/secrets/hunter2%zz', headers: keyed(server) });
  assert.equal(reply.status, 400);
  assert.doesNotMatch(reply.text, /hunter2/);
});

test('what nobody foresaw is 500 with a request id and nothing else, and the log has the rest under that id', async (t) => {
  const server = await startServer(t, {
    wrap: (vault) => ({
      ...vault,
      secrets: { ...vault.secrets, list: () => Promise.reject(new Error('relation "secrets" is on fire')) },
    }),
  });
  const reply = await send(server, 'GET', { path: '/secrets', headers: keyed(server) });
  assert.equal(reply.status, 500);
  const id = String(reply.headers['x-request-id']);
  assert.deepEqual(reply.error(), {
    code: 'internal',
    message: `something failed inside the server; its log has more under request id ${id}`,
  });
  const line = server
    .logged()
    .split('\n')
    .find((each) => each.includes('on fire'));
  assert.ok(line !== undefined && line.includes(id), line ?? 'not logged');
});

test('a stopping server finishes what is under way', async (t) => {
  const inside = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = await startServer(t, {
    wrap: (vault) => ({
      ...vault,
      secrets: {
        ...vault.secrets,
        list: async (caller) => {
          inside.resolve();
          await release.promise;
          return vault.secrets.list(caller);
        },
      },
    }),
  });
  const answer = send(server, 'GET', { path: '/secrets', headers: keyed(server) });
  await inside.promise;
  const closed = server.close();
  release.resolve();
  assert.equal((await answer).status, 200);
  await closed;
});

test('a stopping server does not wait for a request that never ends', async (t) => {
  const server = await startServer(t, { drainMs: 50 });
  const ended = [
    '',
    'GET /health HTTP/1.1\r\nHost: loc',
    'POST /secrets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc',
  ].map((bytes) => sendRaw(server, bytes));
  await server.client.health();
  await server.close();
  await Promise.all(ended);
});

test('a request that is not there as a whole in time is refused, whatever of it has come', async (t) => {
  const server = await startServer(t, { requestTimeoutMs: 50 });
  const head = `POST /secrets HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${server.apiKey}\r\n`;
  const json = 'Content-Type: application/json\r\n';
  for (const rest of ['Content-Length: 9\r\n\r\n{', 'Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n']) {
    assert.match(await sendRaw(server, head + json + rest), /^HTTP\/1\.1 400 .*the request took too long/s);
  }
});

test('one that is there as a whole is answered for as long as it takes, with and without content', async (t) => {
  const requestTimeoutMs = 50;
  const slowly = async <Result>(work: () => Promise<Result>) => {
    // Begun after the server's own timer, and as long: it ends after that one.
    await delay(requestTimeoutMs);
    return work();
  };
  const server = await startServer(t, {
    requestTimeoutMs,
    wrap: ({ secrets, sandboxes, ...vault }) => ({
      ...vault,
      secrets: { ...secrets, list: (caller) => slowly(() => secrets.list(caller)) },
      sandboxes: {
        ...sandboxes,
        create: (caller, input) => slowly(() => sandboxes.create(caller, input)),
        pause: (caller, id) => slowly(() => sandboxes.pause(caller, id)),
      },
    }),
  });
  assert.deepEqual(await server.client.secrets.list(), []);
  const { id } = await server.client.sandboxes.create({ name: 'slow' });
  await server.client.sandboxes.pause(id);
});
