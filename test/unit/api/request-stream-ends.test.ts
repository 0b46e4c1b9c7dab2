import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { StandinError } from '../../../src/errors.ts';
import type { VaultSystem } from '../../../src/vault/types.ts';
import { eventually, keyed, send } from './harness.ts';
import type { Server, ServerOptions } from './harness.ts';
import { prepared, record } from './recorded.ts';

/** One may watch, so that whoever comes next shows whether its place was given back. */
const one = { mostWatchers: 1 };

interface Watching {
  request: ClientRequest;
  response: IncomingMessage;
  text: () => string;
  read: () => void;
  isClosed: () => boolean;
}

async function watch(t: TestContext, server: Server, headers: Record<string, string>): Promise<Watching> {
  const request = httpRequest(`${server.url}/requests/stream`, { headers, agent: false });
  t.after(() => request.destroy());
  request.on('error', () => undefined).end();
  const [response]: IncomingMessage[] = await once(request, 'response');
  assert.ok(response !== undefined);
  response.on('error', () => undefined);
  let [text, closed] = ['', false];
  response.once('close', () => (closed = true));
  const read = () => void response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  return { request, response, text: () => text, read, isClosed: () => closed };
}

async function watching(t: TestContext, server: Server, headers = keyed(server)): Promise<Watching> {
  const client = await watch(t, server, headers);
  assert.equal(client.response.statusCode, 200);
  client.read();
  await eventually(() => client.text().includes('event: ready'), 'the stream is ready');
  return client;
}

async function endsWith(client: Watching, code: string): Promise<void> {
  await eventually(client.isClosed, `the stream ends as ${code}`);
  const [, data = ''] = /\nevent: end\ndata: (.*)\n\n$/.exec(client.text()) ?? [];
  assert.notEqual(data, '', `it says why: ${client.text().slice(-300)}`);
  assert.equal(JSON.parse(data).code, code);
}

async function placeIsTaken(t: TestContext, server: Server): Promise<void> {
  const refused = await watch(t, server, keyed(server));
  assert.equal(refused.response.statusCode, 429);
}

/** More than the sockets between them hold. */
async function flood(server: Server, sandboxId: string): Promise<void> {
  const place = { sandboxId, teamId: server.vaultHarness.owner.teamId };
  const rows = Array.from({ length: 1000 }, () => ({ path: `/${'x'.repeat(1900)}` }));
  for (let round = 0; round < 8; round++) await record(server, place, rows);
}

async function withSlowReader(t: TestContext, options: ServerOptions) {
  let readAt = 0;
  const wrap = (vault: VaultSystem) => ({
    ...vault,
    requests: {
      ...vault.requests,
      after: (...query: Parameters<VaultSystem['requests']['after']>) => {
        readAt = performance.now();
        return vault.requests.after(...query);
      },
    },
  });
  const { server, sandbox } = await prepared(t, { ...options, wrap });
  const client = await watch(t, server, { ...keyed(server), 'last-event-id': '0' });
  await flood(server, sandbox.id);
  // Until then it reads on without a pause.
  await eventually(() => performance.now() - readAt > 300, 'nothing more goes into the sockets');
  return { server, client };
}

test('who does not read what is sent is told that it was too slow, and gives its place back', async (t) => {
  const requestStreams = { ...one, patienceMs: 50, lastWordsMs: 60_000 };
  const { server, client } = await withSlowReader(t, { requestStreams });
  await placeIsFree(t, server);
  client.read();
  await endsWith(client, 'too_slow');
});

test('who does not read why its stream ended either is cut off', async (t) => {
  const { server, client } = await withSlowReader(t, { requestStreams: { ...one, patienceMs: 50, lastWordsMs: 1 } });
  await placeIsFree(t, server);
  client.read();
  await eventually(client.isClosed, 'it was cut off');
  assert.doesNotMatch(client.text(), /event: end/);
});

test('a stream ends within seconds of the sign-out of its session, and gives its place back', async (t) => {
  const { server } = await prepared(t, { requestStreams: one });
  const own = { origin: server.url, host: new URL(server.url).host };
  const body = { api_key: server.apiKey };
  const signedIn = await send(server, 'POST', { path: '/session', headers: own, body });
  assert.equal(signedIn.status, 200, signedIn.text);
  const [cookie = ''] = String(signedIn.headers['set-cookie']).split(';');
  const client = await watching(t, server, { ...own, cookie });
  await placeIsTaken(t, server);
  const signedOut = await send(server, 'DELETE', { path: '/session', headers: { ...own, cookie } });
  assert.equal(signedOut.status, 204, signedOut.text);
  await endsWith(client, 'unauthorized');
  await placeIsFree(t, server);
});

test('a stream ends within seconds of the revocation of its API key, and gives its place back', async (t) => {
  const { server } = await prepared(t, { requestStreams: one });
  const { id, key } = await server.client.keys.create({ name: 'watcher' });
  const client = await watching(t, server, { 'x-api-key': key });
  await placeIsTaken(t, server);
  await server.client.keys.revoke(id);
  await endsWith(client, 'unauthorized');
  await placeIsFree(t, server);
});

test('a stream ends when the server stops, which does not wait for it', async (t) => {
  const { server } = await prepared(t, { drainMs: 60_000 });
  const client = await watching(t, server);
  let stopped = false;
  const closing = server.close().then(() => (stopped = true));
  await endsWith(client, 'stopping');
  await eventually(() => stopped, 'the server has stopped');
  await closing;
});

test('a stopping server waits for nobody who does not read', async (t) => {
  const requestStreams = { patienceMs: 60_000, lastWordsMs: 50 };
  const { server } = await withSlowReader(t, { drainMs: 60_000, requestStreams });
  let stopped = false;
  void server.close().then(() => (stopped = true));
  await eventually(() => stopped, 'the server has stopped');
});

test('a stream whose database is away says so, and gives its place back', async (t) => {
  let away = false;
  const { server } = await prepared(t, {
    requestStreams: one,
    wrap: (vault) => ({
      ...vault,
      requests: {
        ...vault.requests,
        lastId: async () => {
          if (away) throw new StandinError('unavailable', 'the database is away');
          return await vault.requests.lastId();
        },
      },
    }),
  });
  const client = await watching(t, server);
  away = true;
  await endsWith(client, 'unavailable');
  away = false;
  await placeIsFree(t, server);
});

async function placeIsFree(t: TestContext, server: Server): Promise<void> {
  let status: number | undefined;
  for (const deadline = Date.now() + 5000; status !== 200;) {
    assert.ok(Date.now() < deadline, `never: a place, but ${status}`);
    const client = await watch(t, server, keyed(server));
    status = client.response.statusCode;
    client.request.destroy();
  }
}
