import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { ApiError } from '../../src/client/errors.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startWebhookEndpoint, verifiedBody } from '../support/webhook-endpoint.ts';

/** Webhooks when the whole server ends under them: whatever was taken arrives, at least once, and still verifies. */

const apiKey = 'an_api_key_of_every_start';
const missing = await postgresMissing();
const home = temporaryDirectory('webhook-restarts');
after(() => home.remove());

/** How long a delivery that was under way when its server was killed stays claimed, and some time to send it. */
const claimedMs = 40_000;

type Start = () => Promise<StandinServer>;

/** A server that is started again on the same data. */
function onData(databaseUrl?: string): Start {
  const dataDir = join(home.path, randomBytes(4).toString('hex'));
  mkdirSync(dataDir, { mode: 0o700 });
  const database: Record<string, string> = databaseUrl === undefined ? {} : { STANDIN_DATABASE_URL: databaseUrl };
  return () => startStandin({ dataDir, apiKey, env: { STANDIN_SANDBOX_DRIVER: 'external', ...database } });
}

async function end(server: StandinServer, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (signal === 'SIGKILL') await server.kill9();
  else assert.deepEqual(await server.stop(), { code: 0, signal: null });
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`what waits and what is under way at ${signal} is sent by the next server`, async (t) => {
    let answers = false;
    const endpoint = await startWebhookEndpoint((response, { path }) => {
      if (answers || path === '/prompt') response.end();
      else if (path === '/refuses') response.writeHead(503).end();
    });
    t.after(() => endpoint.stop());
    const start = onData();
    const first = await start();
    t.after(() => first.stop());
    const secrets = new Map<string, string>();
    const queued = new Map<string, string>();
    for (const path of ['/prompt', '/hangs', '/refuses']) {
      const { id, secret } = await first.client.webhooks.create({ url: `http://127.0.0.1:${endpoint.port}${path}` });
      secrets.set(path, secret);
      for (let count = 0; count < 3; count++) queued.set((await first.client.webhooks.test(id)).delivery_id, path);
    }
    const cameTo = (path: string) => endpoint.received.filter((each) => each.path === path);
    await waitUntil(
      () => cameTo('/prompt').length === 3 && cameTo('/hangs').length === 1 && cameTo('/refuses').length > 0,
      { what: 'one of each to be under way' },
    );
    await end(first, signal);
    const before = endpoint.received.length;
    answers = true;
    const second = await start();
    t.after(() => second.stop());
    const again = () => new Set(endpoint.received.slice(before).map(({ headers }) => headers['webhook-id']));
    const waiting = [...queued].filter(([, path]) => path !== '/prompt').map(([id]) => id);
    await waitUntil(() => waiting.every((id) => again().has(id)), { what: 'every delivery', withinMs: claimedMs });
    for (const each of endpoint.received) {
      assert.equal(verifiedBody(each, secrets.get(each.path) ?? '')['type'], 'test');
      assert.equal(queued.get(each.headers['webhook-id'] ?? ''), each.path);
    }
    assert.equal(cameTo('/hangs').length, 4, 'what was under way came twice, what waited once');
    if (signal === 'SIGTERM') assert.equal(cameTo('/prompt').length, 3, 'what was delivered is not sent again');
  });
}

/** Queues deliveries until the server is gone; keeps the ids of those that it has answered for. */
async function queueUntilGone(client: Client, webhookId: string, acknowledged: string[]): Promise<void> {
  for (;;) {
    try {
      acknowledged.push((await client.webhooks.test(webhookId)).delivery_id);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      return;
    }
  }
}

async function killedUnderLoad(start: Start): Promise<void> {
  const endpoint = await startWebhookEndpoint((response) => response.end());
  const acknowledged: string[] = [];
  const webhooks: { id: string; secret: string }[] = [];
  let server = await start();
  try {
    for (const path of ['/one', '/two', '/three']) {
      webhooks.push(await server.client.webhooks.create({ url: `http://127.0.0.1:${endpoint.port}${path}` }));
    }
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const target = acknowledged.length + 40;
      const writers = webhooks.map(({ id }) => queueUntilGone(server.client, id, acknowledged));
      await waitUntil(() => acknowledged.length >= target, { what: 'deliveries to be queued' });
      await end(server, signal);
      await Promise.all(writers);
      server = await start();
    }
    const arrived = () => new Set(endpoint.received.map(({ headers }) => headers['webhook-id']));
    await waitUntil(() => acknowledged.every((id) => arrived().has(id)), {
      what: 'every delivery that was taken',
      withinMs: claimedMs,
    });
    const one = endpoint.received.find(({ path }) => path === '/one');
    assert.ok(one !== undefined);
    assert.equal(verifiedBody(one, webhooks[0]?.secret ?? '')['type'], 'test');
  } finally {
    await server.stop();
    endpoint.stop();
  }
}

describe('a server that is ended again and again while deliveries are queued and sent', { concurrency: 2 }, () => {
  test('delivers each that it has taken, on SQLite', () => killedUnderLoad(onData()));

  let postgres: Postgres | undefined;
  after(() => postgres?.stop());
  test('and on PostgreSQL', { skip: missing }, async () => {
    postgres = await startPostgres();
    await killedUnderLoad(onData(await postgres.freshUrl()));
  });
});
