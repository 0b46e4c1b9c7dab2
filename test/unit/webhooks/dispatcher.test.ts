import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { createEnvelope } from '../../../src/crypto/envelope.ts';
import { openLocalKeyProvider } from '../../../src/crypto/providers/local.ts';
import { StandinError } from '../../../src/errors.ts';
import { createLogger } from '../../../src/log.ts';
import { makeAddressGuard } from '../../../src/net/address.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';
import type { Caller, WebhookService } from '../../../src/vault/types.ts';
import { createWebhooks } from '../../../src/vault/webhooks.ts';
import { WebhookDispatcher } from '../../../src/webhooks/dispatcher.ts';
import type { DispatcherParts } from '../../../src/webhooks/dispatcher.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { waitUntil } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startWebhookEndpoint, verifiedBody } from '../../support/webhook-endpoint.ts';
import type { ReceivedDelivery } from '../../support/webhook-endpoint.ts';

const authority = makeAuthority();
const certificate = authority.issue(['localhost', '127.0.0.1']);
const times = { timeout: 400, firstDelay: 20, longestDelay: 60, rest: 200 };

/** A server over a real store, a real key and a real HTTPS endpoint, which answers as `answer` says. */
async function scene(t: TestContext, answer: (count: number, response: ServerResponse) => void) {
  const directory = temporaryDirectory('webhooks');
  t.after(() => directory.remove());
  const endpoint = await startWebhookEndpoint((response, _, count) => answer(count, response), certificate);
  t.after(() => endpoint.stop());
  const { received, port } = endpoint;
  const store = await openStore(`sqlite:${join(directory.path, 'standin.db')}`);
  t.after(() => store.close());
  const envelope = createEnvelope(await openLocalKeyProvider({ path: join(directory.path, 'key'), mayCreate: true }));
  const team = { id: randomUUID(), name: 'team', createdAt: new Date() };
  await store.teams.insert(team);
  const caller: Caller = { teamId: team.id, keyId: randomUUID(), operator: true };
  const logger = createLogger({ level: 'silent' });
  const parts: DispatcherParts = {
    store: store.webhooks,
    envelope,
    guard: makeAddressGuard(['127.0.0.0/8', '::1/128']),
    secureContext: createSecureContext({ ca: authority.certPem }),
    logger,
    now: () => new Date(),
    times,
  };
  let dispatcher: WebhookDispatcher | null = null;
  const start = (change: Partial<DispatcherParts> = {}) => {
    const started = new WebhookDispatcher({ ...parts, ...change });
    dispatcher = started;
    t.after(() => started.stop());
    started.wake();
    return started;
  };
  const webhooks: WebhookService = createWebhooks({
    store,
    envelope,
    queued: () => dispatcher?.wake(),
    logger,
    now: () => new Date(),
  });
  return { store, caller, webhooks, received, port, start, url: `https://localhost:${port}/hook?a=b` };
}

const arrived = (received: ReceivedDelivery[], count: number) =>
  waitUntil(() => received.length >= count, { what: `${count} deliveries` });
/** Nothing waits to be sent, now or later. */
const ended = ({ webhooks }: Store) =>
  waitUntil(async () => (await webhooks.nextDue([])) === null, { what: 'the end of every delivery' });

it('a delivery arrives once, signed, with a small body', async (t) => {
  const { webhooks, caller, received, start, url, store } = await scene(t, (_, response) => response.end('thanks'));
  start();
  const { view, secret } = await webhooks.create(caller, { url, events: ['tripwire'] });
  const { deliveryId } = await webhooks.test(caller, view.id);
  await arrived(received, 1);
  const [delivery] = received;
  assert.ok(delivery !== undefined);
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const { type, data } = verifiedBody(delivery, secret);
  assert.deepEqual([type, data], ['test', {}]);
  assert.deepEqual([delivery.path, delivery.headers['webhook-id']], ['/hook?a=b', deliveryId]);
  assert.ok(Math.abs(Date.now() / 1000 - Number(delivery.headers['webhook-timestamp'])) < 5);
  await ended(store);
  assert.equal(received.length, 1);
});

it('a verifier refuses a delivery of which anything was changed, and one that another webhook was to have', async (t) => {
  const { webhooks, caller, received, start, url } = await scene(t, (_, response) => response.end());
  start();
  const { view, secret } = await webhooks.create(caller, { url, events: ['tripwire'] });
  const other = await webhooks.create(caller, { url, events: ['tripwire'] });
  await webhooks.test(caller, view.id);
  await arrived(received, 1);
  const [delivery] = received;
  assert.ok(delivery !== undefined);
  const { headers, body } = delivery;
  verifiedBody(delivery, secret);
  const earlier = String(Number(headers['webhook-timestamp']) - 1);
  for (const changed of [
    { ...delivery, body: body.replace('test', 'tripwire') },
    { ...delivery, headers: { ...headers, 'webhook-id': 'msg_other' } },
    { ...delivery, headers: { ...headers, 'webhook-timestamp': earlier } },
  ]) {
    assert.throws(() => verifiedBody(changed, secret), { name: 'WebhookVerificationError' });
  }
  assert.throws(() => verifiedBody(delivery, other.secret), { name: 'WebhookVerificationError' });
});

it('one that is answered 500 and then hangs is sent again with the same id until it is answered 200', async (t) => {
  const { webhooks, caller, received, start, url, store } = await scene(t, (count, response) => {
    if (count === 1) response.writeHead(500).end();
    else if (count >= 3) response.end();
  });
  start();
  const { view, secret } = await webhooks.create(caller, { url, events: ['tripwire'] });
  await webhooks.test(caller, view.id);
  await arrived(received, 3);
  await ended(store);
  assert.equal(received.length, 3);
  assert.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 1);
  for (const each of received) verifiedBody(each, secret);
});

it('a redirect is not followed and counts as a failure', async (t) => {
  const { webhooks, caller, received, start, url } = await scene(t, (count, response) => {
    if (count === 1) response.writeHead(307, { location: '/elsewhere' }).end();
    else response.end();
  });
  start();
  const { view } = await webhooks.create(caller, { url, events: ['tripwire'] });
  await webhooks.test(caller, view.id);
  await arrived(received, 2);
  assert.deepEqual(
    received.map(({ path }) => path),
    ['/hook?a=b', '/hook?a=b'],
  );
});

it('what was queued or under way when a server stopped is delivered by the next', async (t) => {
  let answers = false;
  const { webhooks, caller, received, start, url } = await scene(t, (_, response) => {
    if (answers) response.end();
  });
  const first = start({ times: { ...times, timeout: 30_000 } });
  const { view } = await webhooks.create(caller, { url, events: ['tripwire'] });
  const ids = [await webhooks.test(caller, view.id), await webhooks.test(caller, view.id)];
  await arrived(received, 1);
  await first.stop();
  answers = true;
  start();
  await arrived(received, 3);
  assert.deepEqual(
    new Set(received.slice(1).map(({ headers }) => headers['webhook-id'])),
    new Set(ids.map(({ deliveryId }) => deliveryId)),
  );
});

it('after a day it is given up', async (t) => {
  const { webhooks, caller, received, start, url, store } = await scene(t, (_, response) => {
    response.writeHead(503).end();
  });
  start({ times: { ...times, giveUpAfter: 300 } });
  const { view } = await webhooks.create(caller, { url, events: ['tripwire'] });
  await webhooks.test(caller, view.id);
  await arrived(received, 2);
  await ended(store);
});

it('an address that is not public is never dialled, by name or as it is', async (t) => {
  const { webhooks, caller, received, port, start, url } = await scene(t, (_, response) => response.end());
  let connections = 0;
  const reasons: unknown[] = [];
  const logger = createLogger({ level: 'silent' });
  logger.info = (said: unknown) => void reasons.push(said);
  start({ guard: makeAddressGuard([]), logger });
  for (const place of [url, `https://127.0.0.1:${port}/`]) {
    const { view } = await webhooks.create(caller, { url: place, events: ['tripwire'] });
    await webhooks.test(caller, view.id);
    connections += 1;
  }
  await waitUntil(() => reasons.length >= connections, { what: 'both to be put off' });
  assert.ok(reasons.every((each) => JSON.stringify(each).includes('the address is not public')));
  assert.deepEqual(received, []);
});

it('a certificate for another name, or of an unknown CA, gets nothing', async (t) => {
  const { webhooks, caller, received, start, url } = await scene(t, (_, response) => response.end());
  const reasons: string[] = [];
  const logger = createLogger({ level: 'silent' });
  logger.info = (said: unknown) => void reasons.push(JSON.stringify(said));
  start({ secureContext: createSecureContext({ ca: makeAuthority('Another').certPem }), logger });
  const { view } = await webhooks.create(caller, { url, events: ['tripwire'] });
  await webhooks.test(caller, view.id);
  await waitUntil(() => reasons.length > 0, { what: 'it to be put off' });
  assert.deepEqual(received, []);
});

it('one endpoint that hangs keeps no other waiting', async (t) => {
  const { webhooks, caller, received, start, url } = await scene(t, (_, response) => {
    if (received.at(-1)?.path === '/fine') response.end();
  });
  start({ times: { ...times, timeout: 20_000 } });
  const hanging = await webhooks.create(caller, { url, events: ['tripwire'] });
  const fine = await webhooks.create(caller, { url: url.replace('/hook?a=b', '/fine'), events: ['tripwire'] });
  for (let i = 0; i < 3; i++) await webhooks.test(caller, hanging.view.id);
  for (let i = 0; i < 3; i++) await webhooks.test(caller, fine.view.id);
  await waitUntil(() => received.filter(({ path }) => path === '/fine').length === 3, { what: 'the others' });
  assert.equal(received.length, 4, 'one at a time for one endpoint');
});

it('cleartext goes to loopback only, and only where an operator says so', async (t) => {
  const { webhooks, caller, start } = await scene(t, (_, response) => response.end());
  let posts = 0;
  const plain = createHttpServer((_, response) => {
    posts += 1;
    response.end();
  });
  const port = await listenOnLoopback(plain);
  t.after(() => plain.close());
  start({ guard: makeAddressGuard([]) });
  const create = (url: string, operator = true) =>
    webhooks.create({ ...caller, operator }, { url, events: ['tripwire'] });
  const { view } = await create(`http://127.0.0.1:${port}/`);
  await webhooks.test(caller, view.id);
  await waitUntil(() => posts === 1, { what: 'the delivery' });
  const code = (expected: string) => (error: unknown) => error instanceof StandinError && error.code === expected;
  await assert.rejects(create(`http://127.0.0.1:${port}/`, false), code('forbidden'));
  for (const bad of ['http://example.com/', 'ftp://example.com/', 'https://u:p@example.com/', 'https://a/#b', 'no']) {
    await assert.rejects(create(bad), code('bad_request'), bad);
  }
});

it('a team finds only its own, has sixteen at most, and a thousand deliveries wait at most', async (t) => {
  const { webhooks, caller, store } = await scene(t, (_, response) => response.end());
  const stranger = { ...caller, teamId: randomUUID() };
  const { view } = await webhooks.create(caller, { url: 'https://example.com/', events: ['tripwire'] });
  assert.deepEqual(await webhooks.list(stranger), []);
  await assert.rejects(webhooks.remove(stranger, view.id), StandinError);
  await assert.rejects(webhooks.test(stranger, view.id), { code: 'not_found' });
  const made = await Promise.allSettled(
    Array.from({ length: 20 }, () => webhooks.create(caller, { url: 'https://example.com/', events: ['tripwire'] })),
  );
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 15);
  const many = Array.from({ length: 1200 }, (_, index) => ({
    id: `msg_${index}`,
    webhookId: view.id,
    body: '{}',
    createdAt: new Date(),
  }));
  assert.equal(await store.webhooks.queue(caller.teamId, many, 1000), 1000);
  await assert.rejects(webhooks.test(caller, view.id), StandinError);
  await webhooks.remove(caller, view.id);
  assert.equal(await store.webhooks.nextDue([]), null);
});
