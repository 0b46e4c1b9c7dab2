import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createClient } from '../../../src/client/client.ts';
import { ApiError, ConnectionError, UnexpectedAnswerError } from '../../../src/client/errors.ts';
import { bearerSecret, startServer } from './harness.ts';

test('a secret lives: created, listed, got, rotated, audited, removed, its name free again', async (t) => {
  const { client } = await startServer(t);
  const created = await client.secrets.create(bearerSecret);
  assert.deepEqual(Object.keys(created).toSorted(), [
    'auth_config',
    'auth_type',
    'created_at',
    'hosts',
    'id',
    'last_used_at',
    'name',
    'on_tripwire',
    'provider_shortcut',
    'updated_at',
  ]);
  assert.deepEqual(created.auth_config, { type: 'bearer' });
  assert.equal(created.last_used_at, null);
  assert.match(created.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(await client.secrets.list(), [created]);
  assert.deepEqual(await client.secrets.get(created.name), created);
  assert.equal((await client.secrets.rotate(created.name, 'next')).id, created.id);
  assert.equal(created.on_tripwire, 'alert');
  assert.equal((await client.secrets.setOnTripwire(created.name, 'revoke')).on_tripwire, 'revoke');
  assert.equal((await client.secrets.rotate(created.name, 'once more')).on_tripwire, 'revoke');
  assert.deepEqual(await client.secrets.audit(created.name, { limit: 5, status: 'errors' }), []);
  assert.deepEqual(await client.secrets.sandboxes(created.name), []);
  await assert.rejects(client.secrets.create(bearerSecret), apiError(409, 'conflict'));
  await client.secrets.remove(created.name);
  await assert.rejects(client.secrets.get(created.name), apiError(404, 'not_found'));
  assert.notEqual((await client.secrets.create(bearerSecret)).id, created.id);
});

test('a sandbox lives: created, found by its metadata, bound, unbound, its proxy token rotated, removed', async (t) => {
  const { client } = await startServer(t);
  await client.secrets.create(bearerSecret);
  await client.secrets.create({ name: 'second', value: 'v', provider: 'anthropic' });
  const box = await client.sandboxes.create({
    name: 'box',
    driver: 'external',
    secrets: { A: bearerSecret.name },
    env_vars: { PLAIN: 'text' },
    metadata: { env: 'prod', 'a.b': 'dots' },
    network: { allow_out: ['api.example.com'] },
  });
  await client.sandboxes.create({ name: 'other', driver: 'external', metadata: { env: 'test' } });
  assert.equal(box.status, 'active');
  assert.equal(box.driver, 'external');
  assert.equal(box.preview_access, 'private');
  assert.equal(box.egress.env['PLAIN'], 'text');
  assert.match(box.egress.env['A'] ?? '', /standin/);
  const { access_token: token, egress, ...listed } = box;
  assert.deepEqual(await client.sandboxes.list({ metadata: { env: 'prod', 'a.b': 'dots' } }), [listed]);
  assert.equal((await client.sandboxes.list({ status: ['active', 'paused'] })).length, 2);
  assert.equal((await client.sandboxes.list({ limit: 1, offset: 1 })).length, 1);
  assert.deepEqual(await client.sandboxes.list({ metadata: { env: 'none' } }), []);
  const got = await client.sandboxes.get(box.id);
  assert.equal(got.access_token, token);
  assert.equal(new URL(got.egress.proxy_url).password, '');
  assert.ok(!JSON.stringify(got).includes(new URL(egress.proxy_url).password));
  await client.sandboxes.attach(box.id, { env_key: 'B', secret_name: 'second' });
  await assert.rejects(
    client.sandboxes.attach(box.id, { env_key: 'B', secret_name: 'second' }),
    apiError(409, 'conflict'),
  );
  assert.deepEqual(await client.secrets.sandboxes('second'), [
    { sandbox_id: box.id, sandbox_name: 'box', env_key: 'B', status: 'active' },
  ]);
  await client.sandboxes.detach(box.id, 'A');
  assert.deepEqual((await client.sandboxes.get(box.id)).secrets, [
    { env_key: 'B', secret_name: 'second', revoked: false },
  ]);
  assert.notEqual((await client.sandboxes.rotateEgressToken(box.id)).proxy_url, egress.proxy_url);
  await client.sandboxes.remove(box.id);
  await assert.rejects(client.sandboxes.remove(box.id), apiError(404, 'not_found'));
});

test('keys and providers: a key is shown once, works, and stops when it is revoked', async (t) => {
  const { client, url } = await startServer(t);
  const { key, ...view } = await client.keys.create({ name: 'ci' });
  assert.equal(view.operator, false);
  assert.ok((await client.keys.list()).some(({ id }) => id === view.id));
  assert.ok(!JSON.stringify(await client.keys.list()).includes(key));
  const other = createClient({ baseUrl: url, apiKey: key });
  assert.ok((await other.providers.list()).some(({ name }) => name === 'anthropic'));
  await client.keys.revoke(view.id);
  await assert.rejects(other.providers.list(), apiError(401, 'unauthorized'));
});

test("mounts of the server's own machine take an operator key", async (t) => {
  const { client, url } = await startServer(t);
  const { key } = await client.keys.create({ name: 'no operator' });
  const other = createClient({ baseUrl: url, apiKey: key });
  const asked = { name: 'box', mounts: [{ source: '/usr/share', target: '/data' }] };
  await assert.rejects(other.sandboxes.create(asked), apiError(403, 'forbidden'));
  assert.equal((await client.sandboxes.create(asked)).status, 'active');
});

test('the audit trail is verified with an operator key, from its start or from an end that was known', async (t) => {
  const { client, url, vault } = await startServer(t);
  await vault.egress.recordGap({ from: new Date(1000), to: new Date(2000), lost: null });
  const first = await client.audit.verify();
  assert.match(first.last_hash, /^[0-9a-f]{64}$/);
  const [gap] = first.gaps.newest;
  assert.deepEqual(
    { ...first, last_hash: '', gaps: first.gaps.count },
    { segments: 1, events: 1, last_id: 1, last_hash: '', gaps: 1, broken: null },
  );
  assert.deepEqual(
    { ...gap, ts: '' },
    { id: 1, ts: '', from: '1970-01-01T00:00:01.000Z', to: '1970-01-01T00:00:02.000Z', lost: null },
  );
  await vault.egress.recordGap({ from: new Date(3000), to: new Date(4000), lost: 7 });
  const since = { since_id: first.last_id, since_hash: first.last_hash };
  const later = await client.audit.verify(since);
  assert.deepEqual([later.events, later.last_id, later.broken], [1, 2, null]);
  const other = await client.audit.verify({ ...since, since_hash: '0'.repeat(64) });
  assert.deepEqual(other.broken, { id: 1, how: 'other_head' });
  const beyond = await client.audit.verify({ ...since, since_id: 77 });
  assert.deepEqual(beyond.broken, { id: 77, how: 'cut_off' });
  for (const half of [{ since_id: 1 }, { since_hash: first.last_hash }, { ...since, since_hash: 'x' }]) {
    await assert.rejects(client.audit.verify(half), apiError(400, 'bad_request'));
  }
  const { key } = await client.keys.create({ name: 'no operator' });
  await assert.rejects(createClient({ baseUrl: url, apiKey: key }).audit.verify(), apiError(403, 'forbidden'));
});

test('a template that nobody registered is refused with the names that there are', async (t) => {
  const { client } = await startServer(t);
  await assert.rejects(
    client.sandboxes.create({ name: 'box', from_template: 'bas' }),
    (error) => apiError(400, 'bad_request')(error) && /there are base\. Did you mean/.test(String(error)),
  );
});

test('where nobody answers, something else does, or a redirect would carry the key away, the client says so', async (t) => {
  const nowhere = createClient({ baseUrl: 'http://127.0.0.1:1', apiKey: 'k' });
  await assert.rejects(
    nowhere.secrets.list(),
    (error) => error instanceof ConnectionError && error.baseUrl === nowhere.baseUrl,
  );

  const stolen: unknown[] = [];
  const thief = await serve(t, (request, response) => {
    stolen.push(request.headers['x-api-key']);
    response.end('[]');
  });
  const redirecting = await serve(t, (_request, response) =>
    response.writeHead(307, { location: `${thief}/secrets` }).end(),
  );
  await assert.rejects(createClient({ baseUrl: redirecting, apiKey: 'k' }).secrets.list(), ConnectionError);
  assert.deepEqual(stolen, []);

  for (const [status, body] of [
    [200, '<html>'],
    [200, '[{"id":1}]'],
    [502, 'Bad Gateway'],
  ] as const) {
    const stranger = await serve(t, (_request, response) => response.writeHead(status).end(body));
    await assert.rejects(createClient({ baseUrl: stranger, apiKey: 'k' }).secrets.list(), UnexpectedAnswerError);
  }
});

test('an ApiError has the code, the status, the request id, and how long to wait', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(429, { 'retry-after': '7', 'x-request-id': 'r-1' });
    response.end('{"error":{"code":"rate_limited","message":"too many"}}');
  });
  await assert.rejects(createClient({ baseUrl: `${url}/`, apiKey: 'k' }).secrets.list(), (error) => {
    assert.ok(error instanceof ApiError);
    const { code, status, message, retryAfter, requestId } = error;
    assert.deepEqual([code, status, message, retryAfter, requestId], ['rate_limited', 429, 'too many', 7, 'r-1']);
    return true;
  });
});

function apiError(status: number, code: string): (error: unknown) => boolean {
  return (error) => error instanceof ApiError && error.status === status && error.code === code;
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}`;
}
