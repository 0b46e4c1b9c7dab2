import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherTeam } from '../vault/harness.ts';
import { bearerSecret, eventually, keyed, send, startServer } from './harness.ts';
import type { Server } from './harness.ts';
import { prepared, record } from './recorded.ts';

const read = async (server: Server, path: string, headers: Record<string, string> = {}) => {
  const reply = await send(server, 'GET', { path, headers: { ...keyed(server), ...headers } });
  assert.equal(reply.status, 200, reply.text);
  return { body: JSON.parse(reply.text), next: reply.headers['x-next-cursor'] };
};

test('GET /secrets is all of them without parameters, and pages with a cursor in a header with any', async (t) => {
  const server = await startServer(t);
  for (const name of ['one', 'two', 'three']) await server.client.secrets.create({ ...bearerSecret, name });
  assert.equal((await read(server, '/secrets')).body.length, 3);
  const first = await read(server, '/secrets?limit=2&sort=name');
  assert.deepEqual(
    first.body.map((each: { name: string }) => each.name),
    ['one', 'three'],
  );
  const second = await read(server, `/secrets?limit=2&sort=name&before=${String(first.next)}`);
  assert.deepEqual(
    second.body.map((each: { name: string }) => each.name),
    ['two'],
  );
  assert.equal(second.next, undefined);
  assert.equal((await read(server, '/secrets?search=THRE')).body.length, 1);
  const crossed = await send(server, 'GET', {
    path: `/secrets?sort=-name&before=${String(first.next)}`,
    headers: keyed(server),
  });
  assert.equal(crossed.status, 400, 'a cursor of another order');
});

test('uses of a secret stand in the hour in which they were, with its sandboxes, in one call', async (t) => {
  const { server, sandbox, secretId } = await prepared(t);
  const place = { sandboxId: sandbox.id, teamId: server.vaultHarness.owner.teamId };
  const refused = { status: 403, upstreamStatus: null, errorCode: 'credential_host_mismatch' };
  await record(server, place, [
    { secretIds: [secretId] },
    { secretIds: [secretId] },
    { secretIds: [secretId], ...refused },
  ]);
  server.vaultHarness.clock.now = new Date(server.vaultHarness.clock.now.getTime() + 2 * 3_600_000);
  await record(server, place, [{ secretIds: [secretId] }]);
  const { body } = await read(server, '/activity/secrets');
  assert.equal(body.length, 1);
  const [row] = body;
  assert.deepEqual([row.name, row.bound_sandboxes, row.uses, row.refusals], [bearerSecret.name, 1, 3, 1]);
  assert.equal(row.buckets.length, 24);
  assert.deepEqual(row.buckets.slice(-3), [2, 0, 1]);
  assert.equal((await read(server, '/activity/secrets?window=7d')).body[0].buckets.length, 28);
  await server.client.secrets.rotate(bearerSecret.name, 'another');
  const versions = await server.client.secrets.versions(bearerSecret.name);
  assert.deepEqual(
    versions.map(({ version, retired_at: retired }) => [version, retired === null]),
    [
      [2, true],
      [1, false],
    ],
  );
});

test('the requests of the team are listed, filtered and explained; those of another are not there', async (t) => {
  const { server, sandbox, secretId } = await prepared(t);
  const { owner } = server.vaultHarness;
  const stranger = await otherTeam(server.vaultHarness);
  await record(server, { sandboxId: sandbox.id, teamId: owner.teamId }, [
    { secretIds: [secretId] },
    { host: 'denied.example.com', status: 403, upstreamStatus: null, errorCode: 'host_denied' },
  ]);
  await record(server, { sandboxId: '00000000-0000-4000-8000-000000000000', teamId: stranger.teamId }, [{}]);
  const { data, next_cursor: next, has_more: more } = await server.client.requests.list();
  assert.deepEqual(
    data.map(({ host, verdict, secret_name: name, path }) => [host, verdict, name, path]),
    [
      ['denied.example.com', 'blocked', null, '/v1/models'],
      ['api.example.com', 'allowed', bearerSecret.name, '/v1/models'],
    ],
  );
  assert.deepEqual([next, more], [null, false]);
  const narrowed = await server.client.requests.list({ secret: bearerSecret.name });
  assert.equal(narrowed.data.length, 1);
  assert.equal((await server.client.requests.list({ verdict: 'blocked', host: 'denied.example.com' })).data.length, 1);
  const page = await server.client.requests.list({ limit: 1 });
  assert.equal(page.has_more, true);
  const rest = await server.client.requests.list({ limit: 1, before: Number(page.next_cursor) });
  assert.equal(rest.data[0]?.host, 'api.example.com');
  const explained = await server.client.requests.explain(data[0]?.id ?? 0);
  assert.equal(explained.refused?.code, 'host_denied');
  assert.deepEqual(explained.network, { verdict: 'blocked', rule: null });
  assert.match(explained.text.join(' '), /network rules did not allow denied\.example\.com.*To cure it, add the host/);
  const used = await server.client.requests.explain(data[1]?.id ?? 0);
  assert.equal(used.detail, 'basic');
  assert.deepEqual(used.stand_ins[0], {
    env_key: 'API_KEY',
    secret_id: secretId,
    secret_name: bearerSecret.name,
    slot: 'not put down',
    swapped: true,
  });
  const foreign = await server.vaultHarness.store.events.lastId();
  await assert.rejects(server.client.requests.explain(foreign), { code: 'not_found' });
  const { key } = await server.vault.access.createKey(stranger, { name: 'theirs' });
  const theirs = await send(server, 'GET', { path: '/requests', headers: { 'x-api-key': key } });
  assert.equal(JSON.parse(theirs.text).data.length, 1);
});

test('figures have every bucket of their window, and the map who used what where', async (t) => {
  const { server, sandbox, secretId } = await prepared(t);
  const place = { sandboxId: sandbox.id, teamId: server.vaultHarness.owner.teamId };
  await record(server, place, [{ secretIds: [secretId] }, { secretIds: [secretId], status: 502, upstreamStatus: 502 }]);
  for (const [window, count, seconds] of [
    ['1h', 60, 60],
    ['24h', 96, 900],
    ['7d', 168, 3600],
  ] as const) {
    const activity = await server.client.activity.get(window);
    assert.equal(activity.bucket_seconds, seconds);
    assert.equal(activity.buckets.length, count);
    const last = activity.buckets.at(-1);
    assert.deepEqual([last?.requests, last?.failures, last?.p50_ms], [2, 1, 12], window);
    assert.equal(activity.buckets[0]?.p50_ms, null);
    const map = await server.client.activity.map({ window });
    assert.deepEqual(map.edges, [
      {
        sandbox_id: sandbox.id,
        sandbox_name: 'box',
        secret_name: bearerSecret.name,
        host: 'api.example.com',
        requests: 2,
        refusals: 0,
      },
    ]);
    assert.equal(map.capped, false);
  }
});

test('the stream tells of requests as they are written, and takes up where a client left off', async (t) => {
  const { server, sandbox } = await prepared(t);
  const place = { sandboxId: sandbox.id, teamId: server.vaultHarness.owner.teamId };
  await record(server, place, [{ path: '/before' }]);
  const stranger = await otherTeam(server.vaultHarness);
  const watch = async (query: string, headers: Record<string, string> = {}) => {
    const leaving = new AbortController();
    t.after(() => leaving.abort());
    const response = await fetch(`${server.url}/requests/stream${query}`, {
      headers: { ...keyed(server), ...headers },
      signal: leaving.signal,
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    const heard = { text: '' };
    void (async () => {
      for await (const chunk of response.body ?? []) heard.text += Buffer.from(chunk).toString('utf8');
    })().catch(() => undefined);
    await eventually(() => heard.text.includes('event: ready'), 'the stream is ready');
    return heard;
  };
  const all = await watch('');
  const refused = await watch('?verdict=blocked');
  await record(server, place, [
    { path: '/now' },
    { path: '/no', status: 403, upstreamStatus: null, errorCode: 'host_denied' },
  ]);
  await record(server, { ...place, teamId: stranger.teamId }, [{ path: '/theirs' }]);
  await eventually(() => all.text.includes('"/now"') && all.text.includes('"/no"'), 'both were told');
  await eventually(() => refused.text.includes('"/no"'), 'the refused one was told');
  assert.ok(!refused.text.includes('"/now"'));
  assert.ok(!all.text.includes('"/before"'), 'from now on');
  assert.ok(!all.text.includes('/theirs'));
  const [, id = ''] = /id: (\d+)\ndata: [^\n]*"\/now"/.exec(all.text) ?? [];
  const resumed = await watch('', { 'last-event-id': id });
  await eventually(() => resumed.text.includes('"/no"'), 'what came after');
  assert.ok(!resumed.text.includes('"/now"'), 'what it had is not told again');
});
