import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Operation } from '../../../src/contract/operation.ts';
import { operationList } from '../../../src/contract/operations.ts';
import { otherTeam } from '../vault/harness.ts';
import { dataPlane } from '../../support/file-api.ts';
import { bearerSecret, dataplaneDomain, keyed, send, startServer } from './harness.ts';
import type { Server } from './harness.ts';

const pathOf = (operation: Operation) =>
  operation.path
    .replace('{id}', randomUUID())
    .replace('{name}', 'anthropic-prod')
    .replace('{env_key}', 'ANTHROPIC_API_KEY');

test('every operation of the contract that asks for a caller refuses every wrong credential in the same words', async (t) => {
  const server = await startServer(t);
  await server.client.secrets.create(bearerSecret);
  const sandbox = await server.client.sandboxes.create({
    name: 'box',
    driver: 'external',
    secrets: { ANTHROPIC_API_KEY: bearerSecret.name },
  });
  const proxyToken = new URL(sandbox.egress.proxy_url).password;
  const standIn = sandbox.egress.env['ANTHROPIC_API_KEY'] ?? '';
  assert.ok(proxyToken.length > 20 && standIn.length > 20);
  const nobody: Record<string, string>[] = [{}, { authorization: `Bearer ${server.apiKey}` }];
  const named = { 'x-superserve-sandbox-id': sandbox.id };
  const wrongKeys = ['', 'x', 'x'.repeat(2000), sandbox.access_token, proxyToken, standIn, bearerSecret.value];
  const attempts = {
    none: [],
    'api-key': [...nobody, dataPlane(sandbox), ...wrongKeys.map((key) => ({ 'x-api-key': key }))],
    'access-token': [
      ...nobody,
      keyed(server),
      named,
      { 'x-access-token': sandbox.access_token },
      { 'x-superserve-sandbox-id': randomUUID(), 'x-access-token': sandbox.access_token },
      { 'x-superserve-sandbox-id': 'not-an-id', 'x-access-token': sandbox.access_token },
      ...['', 'x', server.apiKey, proxyToken, standIn].map((token) =>
        dataPlane({ id: sandbox.id, access_token: token }),
      ),
    ],
  };
  for (const [index, [id, operation]] of operationList.entries()) {
    if (operation.auth === 'none' || operation.auth === 'session') continue;
    const answers = new Set<string>();
    for (const headers of attempts[operation.auth]) {
      // A body that no operation accepts: who is not known does not learn what would be right.
      const body = operation.method === 'POST' || operation.method === 'PATCH' ? '{"nonsense":' : undefined;
      // Each from an address of its own: what is refused here must not meet the limit on refusals.
      const from = `127.0.1.${index + 1}`;
      const reply = await send(server, operation.method, { path: pathOf(operation), headers, body, from });
      assert.equal(reply.status, 401, `${id} ${JSON.stringify(headers)}: ${reply.text}`);
      assert.equal(reply.error().code, 'unauthorized');
      answers.add(reply.text);
    }
    assert.equal(answers.size, 1, id);
  }
});

test('what another team has is 404 for every operation that names it, as what nobody has', async (t) => {
  const server = await startServer(t);
  const stranger = await otherTeam(server.vaultHarness);
  const { key } = await server.vault.access.createKey(stranger, { name: 'stranger' });
  await server.client.secrets.create(bearerSecret);
  const sandbox = await server.client.sandboxes.create({
    name: 'box',
    driver: 'external',
    secrets: { ANTHROPIC_API_KEY: bearerSecret.name },
  });
  const [ownKey] = await server.client.keys.list();
  assert.ok(ownKey);
  const bodies: Record<string, unknown> = {
    rotateSecret: { value: 'another' },
    attachSecret: { env_key: 'OTHER', secret_name: bearerSecret.name },
    publishPreviewPort: { port: 8000 },
    createPreviewToken: {},
    explainSecret: { url: 'https://api.example.com/' },
    updateSandbox: { metadata: { taken: 'over' } },
  };
  let walked = 0;
  for (const [id, operation] of operationList) {
    if (operation.auth !== 'api-key' || operation.params === undefined) continue;
    walked += 1;
    const own = operation.path
      .replace('{id}', id === 'revokeApiKey' ? ownKey.id : sandbox.id)
      .replace('{name}', bearerSecret.name)
      .replace('{env_key}', 'ANTHROPIC_API_KEY')
      .replace('{port}', '8000');
    const nobodys = operation.path
      .replace('{id}', randomUUID())
      .replace('{name}', 'nobody-has-this')
      .replace('{env_key}', 'ANTHROPIC_API_KEY')
      .replace('{port}', '8000');
    const call = { headers: { 'x-api-key': key }, body: bodies[id] };
    const query = id === 'listSandboxFiles' ? '?path=/' : '';
    const reply = await send(server, operation.method, { path: own + query, ...call });
    const none = await send(server, operation.method, { path: nobodys + query, ...call });
    assert.equal(reply.status, 404, `${id}: ${reply.text}`);
    assert.deepEqual([reply.status, reply.error()], [none.status, none.error()], id);
  }
  assert.ok(walked >= 9, `walked ${walked}`);
  const listed = await Promise.all(
    ['/secrets', '/sandboxes'].map((path) => send(server, 'GET', { path, headers: { 'x-api-key': key } })),
  );
  assert.deepEqual(
    listed.map(({ text }) => text),
    ['[]', '[]'],
  );
  // Nothing that the stranger tried was done.
  assert.equal((await server.client.secrets.list()).length, 1);
  assert.deepEqual((await server.client.sandboxes.get(sandbox.id)).secrets.length, 1);
});

test('an address that fails too often is answered 429 with the seconds to wait, right or wrong', async (t) => {
  const server = await startServer(t);
  const fresh = await server.client.keys.create({ name: 'never used before' });
  const limited = await failUntilLimited(server);
  assert.equal(limited.error().code, 'rate_limited');
  assert.match(String(limited.headers['retry-after']), /^[1-9]\d*$/);
  const right = await send(server, 'GET', { path: '/secrets', headers: { 'x-api-key': fresh.key } });
  assert.equal(right.status, 429, 'a guess that happened to be right must not be told from a wrong one');
});

test('a key that was right before is let in while its address is held back, until it is revoked', async (t) => {
  const server = await startServer(t);
  const used = await server.client.keys.create({ name: 'used before' });
  const call = { path: '/secrets', headers: { 'x-api-key': used.key } };
  assert.equal((await send(server, 'GET', call)).status, 200);
  await failUntilLimited(server);
  assert.equal((await send(server, 'GET', call)).status, 200);
  await server.client.keys.revoke(used.id);
  assert.equal((await send(server, 'GET', call)).status, 401);
  assert.equal((await send(server, 'GET', call)).status, 429);
});

test('many wrong attempts at once get no further than the same one by one', async (t) => {
  const server = await startServer(t);
  const attempts = Array.from({ length: 60 }, (_, i) =>
    send(server, 'GET', { path: '/secrets', headers: { 'x-api-key': `guess-${i}` } }),
  );
  const statuses = (await Promise.all(attempts)).map(({ status }) => status);
  assert.deepEqual(new Set(statuses), new Set([401, 429]));
  assert.ok(statuses.filter((status) => status === 401).length <= 21, statuses.join(' '));
});

test('the first calls with a good key are answered, however many come at once, and those with many keys too', async (t) => {
  const server = await startServer(t);
  const fresh = await server.client.keys.create({ name: 'a burst' });
  const others = await Promise.all(
    Array.from({ length: 30 }, (_, i) => server.client.keys.create({ name: `key ${i}` })),
  );
  for (const keys of [Array.from({ length: 75 }, () => fresh.key), others.map(({ key }) => key)]) {
    const calls = keys.map((key) => send(server, 'GET', { path: '/secrets', headers: { 'x-api-key': key } }));
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([200]));
  }
});

test('good keys that come among guesses wait for these, and guesses get no further for it', async (t) => {
  const server = await startServer(t);
  const guesses = Array.from({ length: 60 }, (_, i) => `guess-${i}`);
  const fresh = await Promise.all(
    Array.from({ length: 10 }, (_, i) => server.client.keys.create({ name: `key ${i}` })),
  );
  const keys = [...fresh.map(({ key }) => key), ...guesses];
  const calls = keys.map((key) => send(server, 'GET', { path: '/secrets', headers: { 'x-api-key': key } }));
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  assert.deepEqual(new Set(statuses.slice(0, fresh.length)), new Set([200]));
  assert.ok(statuses.slice(fresh.length).filter((status) => status === 401).length <= 21, statuses.join(' '));
});

test('wrong access tokens are held back as wrong keys are', async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const statuses: number[] = [];
  for (let i = 0; i < 30; i++) {
    const headers = dataPlane({ id: sandbox.id, access_token: `guess-${i}` });
    statuses.push((await send(server, 'POST', { path: '/exec', headers, body: { command: 'true' } })).status);
  }
  assert.equal(statuses[0], 401);
  assert.equal(statuses.at(-1), 429);
});

test('the data plane is found by its host name as by the header, and refuses when the two disagree', async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const host = `boxd-${sandbox.id}.${dataplaneDomain}:${server.port}`;
  const exec = (headers: Record<string, string>) =>
    send(server, 'POST', { path: '/exec', headers, body: { command: 'printf found' } });
  const token = { 'x-access-token': sandbox.access_token };
  assert.match((await exec({ host, ...token })).text, /"stdout":"found"/);
  assert.match((await exec({ host: host.toUpperCase(), ...token })).text, /"stdout":"found"/);
  assert.match((await exec({ host, ...dataPlane(sandbox) })).text, /"stdout":"found"/);
  assert.equal((await exec({ host, ...token, 'x-superserve-sandbox-id': randomUUID() })).status, 400);
  assert.equal((await exec({ host: `boxd-${randomUUID()}.${dataplaneDomain}`, ...token })).status, 401);
});

test("a sandbox's host name serves no control plane, even to the right key", async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const host = `boxd-${sandbox.id}.${dataplaneDomain}`;
  const reply = await send(server, 'GET', { path: '/secrets', headers: { ...keyed(server), host } });
  assert.equal(reply.status, 404);
});

async function failUntilLimited(server: Server) {
  for (let i = 0; i < 40; i++) {
    const reply = await send(server, 'GET', { path: '/secrets', headers: { 'x-api-key': `wrong-${i}` } });
    if (reply.status === 429) return reply;
    assert.equal(reply.status, 401);
  }
  return assert.fail('forty wrong keys were answered without a limit');
}
