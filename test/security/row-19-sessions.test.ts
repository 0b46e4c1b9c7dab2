import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { requestLines } from '../../src/api/preview-head.ts';
import { operationList } from '../../src/contract/operations.ts';
import { bearerSecret, dataplaneDomain, keyed, send, startServer } from '../unit/api/harness.ts';
import type { Reply, Server } from '../unit/api/harness.ts';

const own = { 'sec-fetch-site': 'same-origin' };

async function signIn(server: Server, apiKey = server.apiKey, headers: Record<string, string> = {}) {
  const body = { api_key: apiKey };
  const reply = await send(server, 'POST', { path: '/session', headers: { ...own, ...headers }, body });
  assert.equal(reply.status, 200, reply.text);
  return { cookie: cookieOf(reply), reply };
}

/** As a browser sends it back. */
function cookieOf(reply: Reply): string {
  const [line = ''] = reply.headers['set-cookie'] ?? [];
  return line.split(';')[0] ?? '';
}

const pathOf = (path: string) =>
  path
    .replace('/requests/{id}', '/requests/1')
    .replace('{id}', randomUUID())
    .replace('{name}', 'nobody-has-this')
    .replace('{env_key}', 'KEY')
    .replace('{port}', '8000');

async function withNewKey(t: TestContext) {
  const server = await startServer(t);
  const made = await server.client.keys.create({ name: 'a browser', operator: true });
  return { server, made };
}

test('row 19: signing in gives a cookie that no script reads and no other site sends, and the key is not in it', async (t) => {
  const server = await startServer(t);
  const { reply, cookie } = await signIn(server);
  const [line = ''] = reply.headers['set-cookie'] ?? [];
  assert.match(line, /^standin_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  assert.doesNotMatch(line, /Domain/i);
  assert.ok(!line.includes(server.apiKey));
  const secure = await signIn(server, server.apiKey, { 'x-forwarded-proto': 'https' });
  const [secureLine = ''] = secure.reply.headers['set-cookie'] ?? [];
  assert.match(secureLine, /^__Host-standin_session=.*; Secure$/);
  const me = await send(server, 'GET', { path: '/session', headers: { ...own, cookie } });
  assert.deepEqual(JSON.parse(me.text), JSON.parse(reply.text));
  assert.match(
    me.text,
    /"team":\{"id":"[^"]+","name":"default"\},"key":\{"id":"[^"]+","name":"tests","operator":true\}/,
  );
  assert.ok(!server.logged().includes(cookie.split('=')[1] ?? ''), 'the cookie is in no log line');
});

test('row 19: every operation of an API key takes the cookie from pages of this server, and from no other', async (t) => {
  const { server, made } = await withNewKey(t);
  const { cookie } = await signIn(server, made.key);
  let walked = 0;
  for (const [id, { method, path, auth }] of operationList) {
    if (auth !== 'api-key' || id === 'streamRequests') continue;
    walked += 1;
    const call = (headers: Record<string, string>) => send(server, method, { path: pathOf(path), headers });
    const taken = await call({ ...own, cookie });
    assert.ok(taken.status !== 401 && taken.status !== 403, `${id}: ${taken.status} ${taken.text}`);
    const foreign: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      // Another port of the same machine, or a sandbox's preview below the same domain.
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example.com' },
      { origin: 'null' },
      { ...own, origin: `http://127.0.0.1:${server.port + 1}` },
    ];
    if (method !== 'GET') foreign.push({}, { 'sec-fetch-site': 'none' });
    for (const headers of foreign) {
      const reply = await call({ ...headers, cookie });
      assert.equal(reply.status, 403, `${id} ${JSON.stringify(headers)}: ${reply.text}`);
    }
    const host = `boxd-${randomUUID()}.${dataplaneDomain}`;
    assert.equal((await call({ ...own, cookie, host })).status, 404, `${id} at a sandbox's name`);
  }
  assert.ok(walked > 30, `walked ${walked}`);
});

test('row 19: a cookie that is none, ended, doubled, or of another name is refused in the words for a wrong key', async (t) => {
  const server = await startServer(t);
  const { cookie } = await signIn(server);
  const ended = await signIn(server);
  const out = await send(server, 'DELETE', { path: '/session', headers: { ...own, cookie: ended.cookie } });
  assert.equal(out.status, 204);
  assert.match(String(out.headers['set-cookie']), /Max-Age=0/);
  const token = cookie.split('=')[1] ?? '';
  const wrong = [
    ended.cookie,
    `standin_session=${'A'.repeat(43)}`,
    'standin_session=',
    `standin_session=${server.apiKey}`,
    `${cookie}; standin_session=${'B'.repeat(43)}`,
    `standin_session=${'B'.repeat(43)}; ${cookie}`,
    `__Host-standin_session=${token}`,
    `session=${token}`,
  ];
  const noKey = await send(server, 'GET', { path: '/secrets', from: '127.0.2.1' });
  for (const [index, each] of wrong.entries()) {
    const headers = { ...own, cookie: each };
    const reply = await send(server, 'GET', { path: '/secrets', headers, from: `127.0.3.${index + 1}` });
    assert.equal(reply.status, 401, each);
    assert.equal(reply.text, noKey.text);
  }
  // A key that is given counts, also beside a cookie that is right.
  const both = { ...own, cookie, 'x-api-key': 'wrong' };
  assert.equal((await send(server, 'GET', { path: '/secrets', headers: both })).status, 401);
  assert.equal((await send(server, 'GET', { path: '/secrets', headers: { ...own, cookie } })).status, 200);
});

test('row 19: a session ends with its key, and signing in again makes another and ends the one before', async (t) => {
  const { server, made } = await withNewKey(t);
  const first = await signIn(server, made.key);
  const second = await signIn(server, made.key, { cookie: first.cookie });
  assert.notEqual(first.cookie, second.cookie, 'a session that somebody planted is not kept');
  const standing = async (cookie: string) =>
    (await send(server, 'GET', { path: '/secrets', headers: { ...own, cookie } })).status;
  assert.equal(await standing(first.cookie), 401);
  assert.equal(await standing(second.cookie), 200);
  await server.client.keys.revoke(made.id);
  assert.equal(await standing(second.cookie), 401);
});

test('row 19: a session is over twelve hours after it was last used, and a week after it began', async (t) => {
  const server = await startServer(t);
  const { clock } = server.vaultHarness;
  const { cookie } = await signIn(server);
  const standing = async () => (await send(server, 'GET', { path: '/session', headers: { ...own, cookie } })).status;
  const pass = (hours: number) => (clock.now = new Date(clock.now.getTime() + hours * 3_600_000));
  for (let day = 0; day < 13; day++) {
    pass(11);
    assert.equal(await standing(), 200, 'it was used within twelve hours');
  }
  for (let day = 0; day < 3; day++) pass(11);
  assert.equal(await standing(), 401, 'a week is over');
  const idle = await signIn(server);
  pass(12.1);
  assert.equal((await send(server, 'GET', { path: '/session', headers: { ...own, cookie: idle.cookie } })).status, 401);
});

test('row 19: signing in is limited as wrong keys are, and refused to pages of others', async (t) => {
  const server = await startServer(t);
  const attempt = (headers: Record<string, string>, key: string) =>
    send(server, 'POST', { path: '/session', headers, body: { api_key: key } });
  for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example.com' }]) {
    const reply = await attempt(headers, server.apiKey);
    assert.equal(reply.status, 403, 'who plants a session of his own has the victim work for him');
    assert.equal(reply.headers['set-cookie'], undefined);
  }
  const statuses: number[] = [];
  for (let i = 0; i < 25; i++) statuses.push((await attempt(own, `wrong-${i}`)).status);
  assert.deepEqual(new Set(statuses), new Set([401, 429]));
  const fresh = { ...own, cookie: `standin_session=${'C'.repeat(43)}` };
  assert.equal((await send(server, 'GET', { path: '/secrets', headers: fresh })).status, 429, 'guessed cookies too');
});

test('row 19: the data plane does not take the cookie, and a preview is not shown it', async (t) => {
  const server = await startServer(t);
  await server.client.secrets.create(bearerSecret);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const { cookie } = await signIn(server);
  const named = { ...own, cookie, 'x-superserve-sandbox-id': sandbox.id };
  const exec = await send(server, 'POST', { path: '/exec', headers: named, body: { command: 'true' } });
  assert.equal(exec.status, 401);
  const files = await send(server, 'GET', { path: '/files?path=/etc/passwd', headers: named });
  assert.equal(files.status, 401);
  const request = new IncomingMessage(new Socket());
  request.rawHeaders = ['Host', 'x', 'Cookie', `theirs=1; ${cookie}; __Host-standin_session=abc`];
  const lines = requestLines(request, { scheme: 'http', upgrade: false });
  assert.equal(lines[lines.indexOf('Cookie') + 1], 'theirs=1');
});

test('row 19: the settings are shown to operator keys alone, and without a credential', async (t) => {
  const server = await startServer(t);
  const plain = await server.client.keys.create({ name: 'plain' });
  const refused = await send(server, 'GET', { path: '/config', headers: { 'x-api-key': plain.key } });
  assert.equal(refused.status, 403);
  assert.equal((await send(server, 'GET', { path: '/config', headers: keyed(server) })).status, 200);
});
