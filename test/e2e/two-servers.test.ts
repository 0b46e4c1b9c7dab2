import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { connectPlain, proxyAccess } from '../support/proxy-client.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Two servers on one PostgreSQL, with one key and one CA: what is done at one holds at the other. */

const skip = await postgresMissing();
const apiKey = 'an_api_key_of_both_servers';

async function twoServers(t: TestContext): Promise<[StandinServer, StandinServer]> {
  const cleanUp = new AsyncDisposableStack();
  t.after(() => cleanUp.disposeAsync());
  const home = temporaryDirectory('two-servers');
  cleanUp.defer(() => home.remove());
  const postgres = await startPostgres();
  cleanUp.defer(() => postgres.stop());
  const env = { STANDIN_SANDBOX_DRIVER: 'external', STANDIN_DATABASE_URL: await postgres.freshUrl() };
  const start = async (dataDir: string) => {
    const server = await startStandin({ dataDir, apiKey, env });
    cleanUp.defer(async () => void (await server.stop()));
    return server;
  };
  const [one, two] = [join(home.path, 'one'), join(home.path, 'two')];
  for (const directory of [one, two]) mkdirSync(directory, { mode: 0o700 });
  const first = await start(one);
  for (const name of ['key', 'ca.pem', 'ca-key.pem']) copyFileSync(join(one, name), join(two, name));
  return [first, await start(two)];
}

/** As a browser asks that is on a page of that server. */
function ask(server: StandinServer, method: string, options: { path: string; cookie?: string; body?: object }) {
  const { path, cookie, body } = options;
  return fetch(`${server.url}${path}`, {
    method,
    headers: {
      origin: server.url,
      ...(cookie === undefined ? {} : { cookie }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function signedIn(server: StandinServer): Promise<string> {
  const response = await ask(server, 'POST', { path: '/session', body: { api_key: apiKey } });
  assert.equal(response.status, 200, await response.text());
  return String(response.headers.get('set-cookie')).split(';')[0] ?? '';
}

/** All that `GET /requests/stream` has said so far, and whether it has ended. */
async function watch(t: TestContext, server: StandinServer, cookie: string) {
  const response = await ask(server, 'GET', { path: '/requests/stream', cookie });
  assert.equal(response.status, 200);
  const heard = { text: '', ended: false };
  const reader = response.body?.getReader();
  t.after(() => reader?.cancel().catch(() => undefined));
  void (async () => {
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
      heard.text += Buffer.from(part.value).toString('utf8');
    }
    heard.ended = true;
  })().catch(() => undefined);
  await waitUntil(() => heard.text.includes('event: ready'), { what: 'the stream to be ready' });
  return heard;
}

test('a session made at one server is good at the other, and ends at both with its sign-out', { skip }, async (t) => {
  const [first, second] = await twoServers(t);
  const cookie = await signedIn(first);
  const path = '/session';
  assert.equal((await ask(second, 'GET', { path, cookie })).status, 200);
  const streams = [await watch(t, first, cookie), await watch(t, second, cookie)];
  assert.equal((await ask(second, 'DELETE', { path, cookie })).status, 204);
  for (const server of [first, second]) {
    assert.equal((await ask(server, 'GET', { path, cookie })).status, 401);
    assert.equal((await ask(server, 'GET', { path: '/secrets', cookie })).status, 401);
  }
  await waitUntil(() => streams.every(({ ended }) => ended), { what: 'both streams to end' });
  for (const { text } of streams) assert.match(text, /event: end\ndata: \{"code":"unauthorized"/);
});

test("a stream at one server shows what the other's proxy recorded", { skip }, async (t) => {
  const [first, second] = await twoServers(t);
  const heard = await watch(t, second, await signedIn(second));
  const network = { allow_out: ['example.com'], deny_out: ['0.0.0.0/0'] };
  const sandbox = await first.client.sandboxes.create({ name: 'box', driver: 'external', network });
  const path = `/${randomBytes(8).toString('hex')}`;
  const connection = await connectPlain({ port: first.proxyPort });
  t.after(() => connection.close());
  const { authorization } = proxyAccess(sandbox.egress.proxy_url);
  connection.send(
    `GET http://denied.example.org${path} HTTP/1.1\r\nHost: denied.example.org\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
  );
  assert.equal((await connection.response()).status, 403);
  await waitUntil(() => heard.text.includes(path), { what: 'the request to be told' });
  const [, data = ''] = new RegExp(`event: request\\nid: \\d+\\ndata: (.*${path}.*)\\n`).exec(heard.text) ?? [];
  const { host, verdict, sandbox_id: sandboxId } = JSON.parse(data);
  assert.deepEqual([host, verdict, sandboxId], ['denied.example.org', 'blocked', sandbox.id]);
});
