import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import type { Operation } from '../../src/contract/operation.ts';
import { operationList, operations } from '../../src/contract/operations.ts';
import type { OperationId } from '../../src/contract/operations.ts';
import { hashToken } from '../../src/crypto/hash.ts';
import { openStore } from '../../src/store/open.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';

/**
 * Row 19: every operation of the contract with every wrong credential, against the real server. 401 or 404, in the same
 * words whatever was wrong, and nothing is done.
 */

/** What an operation is asked about: places of the path, and a body that is right. */
interface Call {
  /** Whom it names, where it names somebody. */
  names?: (place: Place) => Record<string, string>;
  body?: (place: Place) => unknown;
}

/** Somebody's things, or nobody's. */
interface Place {
  secret: string;
  sandbox: string;
  key: string;
}

const bySecret = ({ secret }: Place) => ({ name: secret });
const bySandbox = ({ sandbox }: Place) => ({ id: sandbox });
const byPort = ({ sandbox }: Place) => ({ id: sandbox, port: '8000' });
const command = { command: 'true' };

/** The operations that this test knows how to call. One that is not here fails it. */
const calls: Record<OperationId, Call> = {
  getHealth: {},
  getOpenApi: {},
  createSecret: {
    body: () => ({ name: 'theirs-now', value: 'v', auth: { type: 'bearer' }, hosts: ['a.example.com'] }),
  },
  listSecrets: {},
  getSecret: { names: bySecret },
  rotateSecret: { names: bySecret, body: () => ({ value: 'taken over' }) },
  deleteSecret: { names: bySecret },
  getSecretAudit: { names: bySecret },
  getSecretSandboxes: { names: bySecret },
  getCa: {},
  getConfig: {},
  createSession: { body: () => ({ api_key: 'nobody-has-this' }) },
  getSession: {},
  deleteSession: {},
  listSecretVersions: { names: bySecret },
  testSecret: { names: bySecret, body: () => ({}) },
  explainSecret: { names: bySecret, body: () => ({ url: 'https://a.example.com/' }) },
  listRequests: {},
  streamRequests: {},
  explainRequest: { names: () => ({ id: '1' }) },
  getActivity: {},
  getActivityMap: {},
  listSecretUsage: {},
  listProviders: {},
  createSandbox: { body: () => ({ name: 'box', driver: 'external' }) },
  listSandboxes: {},
  getSandbox: { names: bySandbox },
  updateSandbox: { names: bySandbox, body: () => ({ metadata: { taken: 'over' } }) },
  deleteSandbox: { names: bySandbox },
  pauseSandbox: { names: bySandbox },
  resumeSandbox: { names: bySandbox },
  activateSandbox: { names: bySandbox },
  attachSecret: { names: bySandbox, body: ({ secret }) => ({ env_key: 'OTHER', secret_name: secret }) },
  detachSecret: { names: (place) => ({ ...bySandbox(place), env_key: 'API_KEY' }) },
  rotateEgressToken: { names: bySandbox },
  getSandboxNetwork: { names: bySandbox },
  listSandboxFiles: { names: bySandbox },
  listPreviewPorts: { names: bySandbox },
  publishPreviewPort: { names: bySandbox, body: () => ({ port: 8000 }) },
  unpublishPreviewPort: { names: byPort },
  createPreviewToken: { names: byPort, body: () => ({}) },
  rotatePreviewToken: { names: byPort },
  exec: { body: () => command },
  execStream: { body: () => command },
  execConnect: {},
  downloadFile: {},
  uploadFile: {},
  verifyAudit: {},
  createWebhook: { body: () => ({ url: 'https://hooks.example.com/' }) },
  listWebhooks: {},
  deleteWebhook: { names: ({ key }) => ({ id: key }) },
  testWebhook: { names: ({ key }) => ({ id: key }) },
  createApiKey: { body: () => ({ name: 'mine now' }) },
  listApiKeys: {},
  revokeApiKey: { names: ({ key }) => ({ id: key }) },
};

const query: Partial<Record<OperationId, string>> = {
  listSandboxFiles: '?path=/',
  downloadFile: '?path=/etc/passwd',
  uploadFile: '?path=/tmp/x',
};

type Reply = { status: number; text: string };

type Headers = Record<string, string>;

let server: StandinServer;
/** What the server's first team has. */
let ours: Place;
let sandbox: SandboxWithAccess;
let other: SandboxWithAccess;
let deleted: SandboxWithAccess;
let revokedKey: string;
let foreignKey: string;
let foreignSandbox: SandboxWithAccess;
/** An access token from before the sandbox's tokens were rotated. */
let stale: SandboxWithAccess;

const secretValue = 'the-value-of-our-secret';
const nobodys: Place = { secret: 'nobody-has-this', sandbox: randomUUID(), key: randomUUID() };

before(async () => {
  server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: 'external', STANDIN_LOG_LEVEL: 'silent' } });
  const { client } = server;
  await client.secrets.create({ name: 'ours', value: secretValue, auth: { type: 'bearer' }, hosts: ['a.example.com'] });
  const create = () => client.sandboxes.create({ name: 'box', driver: 'external', secrets: { API_KEY: 'ours' } });
  [sandbox, other, deleted, stale] = await Promise.all([create(), create(), create(), create()]);
  await client.sandboxes.remove(deleted.id);
  const revoked = await client.keys.create({ name: 'revoked' });
  await client.keys.revoke(revoked.id);
  revokedKey = revoked.key;
  const [live] = await client.keys.list();
  assert.ok(live);
  ours = { secret: 'ours', sandbox: sandbox.id, key: live.id };
  foreignKey = `sk_standin_${'foreign'.repeat(6)}`;
  await addSecondTeam(foreignKey);
  const created = await send('createSandbox', { headers: { 'x-api-key': foreignKey }, place: nobodys });
  foreignSandbox = JSON.parse(created.text);
});
after(() => server.stop());

/** There is no call that makes a team: the store is where they come from. */
async function addSecondTeam(key: string): Promise<void> {
  const store = await openStore(`sqlite:${join(server.dataDir, 'standin.db')}`);
  try {
    const team = { id: randomUUID(), name: 'the others', createdAt: new Date() };
    await store.teams.insert(team);
    await store.apiKeys.insert({
      id: randomUUID(),
      teamId: team.id,
      name: 'theirs',
      hash: hashToken(key),
      hint: key.slice(0, 15),
      operator: true,
      createdAt: new Date(),
      lastUsedAt: null,
      revokedAt: null,
    });
    const found = await store.sandboxes.byId(stale.id);
    await store.sandboxes.update(stale.id, { accessGeneration: (found?.accessGeneration ?? 0) + 1 });
  } finally {
    await store.close();
  }
}

let sent = 0;
/** One call of the operation, each from an address of its own, so that no limit on failures answers instead. */
function send(id: OperationId, asked: { headers: Headers; place: Place }): Promise<Reply> {
  const operation: Operation = operations[id];
  const names = calls[id].names?.(asked.place) ?? {};
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => names[name] ?? '');
  const body = calls[id].body?.(asked.place);
  sent += 1;
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const request = httpRequest({
    host: '127.0.0.1',
    port: new URL(server.url).port,
    localAddress: `127.1.${sent >> 8}.${sent & 255}`,
    method: operation.method,
    path: path + (query[id] ?? ''),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...asked.headers },
    agent: false,
  });
  request.once('error', reject);
  request.once('upgrade', (_, socket) => {
    socket.destroy();
    resolve({ status: 101, text: '' });
  });
  request.once('response', (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

const proxyToken = () => new URL(sandbox.egress.proxy_url).password;
const standIn = () => sandbox.egress.env['API_KEY'] ?? '';

/** Credentials that are no API key, by what they are. */
function wrongKeys(): Record<string, Headers> {
  const keys = {
    'an empty key': '',
    garbage: 'x',
    'a key that is too long': 'x'.repeat(5000),
    'a revoked key': revokedKey,
    'a key with its last character changed': server.apiKey.slice(0, -1) + (server.apiKey.endsWith('0') ? '1' : '0'),
    'a key in upper case': server.apiKey.toUpperCase(),
    'the hash of a key': hashToken(server.apiKey),
    "a sandbox's access token": sandbox.access_token,
    'a proxy token': proxyToken(),
    'a stand-in': standIn(),
    "a secret's value": secretValue,
    "a sandbox's id": sandbox.id,
  };
  return {
    'no credential': {},
    'a key as a bearer token': { authorization: `Bearer ${server.apiKey}` },
    'a key as an access token': { 'x-access-token': server.apiKey },
    'a key in a cookie': { cookie: `X-API-Key=${server.apiKey}` },
    'the data plane of a sandbox': dataPlane(sandbox.id, sandbox.access_token),
    ...Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, { 'x-api-key': key }])),
  };
}

function dataPlane(id: string, token: string): Headers {
  return { 'x-superserve-sandbox-id': id, 'x-access-token': token };
}

/** Credentials that do not open `sandbox`, by what they are. */
function wrongTokens(): Record<string, Headers> {
  const { id, access_token: token } = sandbox;
  const tokens = {
    'an empty token': '',
    garbage: 'x',
    'an API key': server.apiKey,
    "another sandbox's token": other.access_token,
    "another team's token": foreignSandbox.access_token,
    'a proxy token': proxyToken(),
    'a stand-in': standIn(),
    'a token with its last character changed': token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'),
  };
  return {
    'no credential': {},
    'no token': { 'x-superserve-sandbox-id': id },
    'no sandbox': { 'x-access-token': token },
    'no sandbox that could be one': dataPlane('../..', token),
    'the API key': { 'x-api-key': server.apiKey, 'x-superserve-sandbox-id': id },
    'a token as a bearer token': { authorization: `Bearer ${token}`, 'x-superserve-sandbox-id': id },
    'a sandbox that nobody has': dataPlane(randomUUID(), token),
    "another team's sandbox": dataPlane(foreignSandbox.id, token),
    'a sandbox that was deleted, with its own token': dataPlane(deleted.id, deleted.access_token),
    'a token from before a rotation': dataPlane(stale.id, stale.access_token),
    "another sandbox's host name": { host: `boxd-${other.id}.sandbox.localhost`, 'x-access-token': token },
    ...Object.fromEntries(Object.entries(tokens).map(([name, each]) => [name, dataPlane(id, each)])),
  };
}

/** The same as a WebSocket handshake, with the token where a browser can put one. */
function asWebSocket(headers: Headers): Headers {
  const { 'x-access-token': token, ...rest } = headers;
  return {
    ...rest,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol': `superserve.exec.v1${token === undefined ? '' : `, token.${token}`}`,
  };
}

/** Every answer is `status`, and all are the same text. */
function expectAlike(replies: Map<string, Reply>, status: number, what: string): void {
  for (const [name, reply] of replies) assert.equal(reply.status, status, `${what}, ${name}: ${reply.text}`);
  assert.equal(new Set([...replies.values()].map(({ text }) => text)).size, 1, `${what}: told apart`);
}

async function sendAll(id: OperationId, credentials: Record<string, Headers>): Promise<Map<string, Reply>> {
  const replies = new Map<string, Reply>();
  for (const [name, headers] of Object.entries(credentials)) {
    for (const place of [ours, nobodys]) replies.set(`${name}, ${place.sandbox}`, await send(id, { headers, place }));
  }
  return replies;
}

const isKnown = (id: string): id is OperationId => Object.hasOwn(calls, id);
const ids = operationList.map(([id]) => id).filter(isKnown);

describe('row 19: the wrong credential', () => {
  it('is tried on every operation that the contract has, and on no other', () => {
    assert.deepEqual(Object.keys(calls).toSorted(), operationList.map(([id]) => id).toSorted());
    for (const id of ids) {
      const { auth, params }: Operation = operations[id];
      assert.ok(
        ['api-key', 'access-token', 'session', 'none'].includes(auth),
        `${id} asks for a credential that is not known here`,
      );
      assert.equal(params !== undefined, calls[id].names !== undefined, `${id}: what it names`);
    }
  });

  for (const id of ids) {
    const { auth, webSocket }: Operation = operations[id];
    if (auth === 'session') continue; // See row-19-sessions.test.ts.
    if (auth === 'none') {
      it(`is not asked for by ${id}, which tells nothing of anybody`, async () => {
        const replies = await sendAll(id, { ...wrongKeys(), ...wrongTokens() });
        expectAlike(replies, 200, id);
      });
    } else {
      it(`is refused by ${id} in the same words, whatever is wrong with it`, async () => {
        const credentials = auth === 'api-key' ? wrongKeys() : wrongTokens();
        expectAlike(await sendAll(id, credentials), 401, id);
        if (webSocket !== true) return;
        const upgrades = Object.entries(credentials).map(([name, headers]) => [name, asWebSocket(headers)]);
        expectAlike(await sendAll(id, Object.fromEntries(upgrades)), 401, `${id} as a WebSocket`);
      });
    }
    if (auth !== 'api-key') continue;
    it(`is the right one, at a host name that is a sandbox's: ${id} is not there`, async () => {
      const host = `boxd-${sandbox.id}.sandbox.localhost`;
      const replies = await sendAll(id, { 'our key': { host, 'x-api-key': server.apiKey } });
      expectAlike(replies, 404, id);
    });
  }
});

describe("row 19: another team's key", () => {
  for (const id of ids) {
    const { params }: Operation = operations[id];
    if (params === undefined) continue;
    it(`finds what is ours with ${id} no more than what nobody has`, async () => {
      const replies = await sendAll(id, { theirs: { 'x-api-key': foreignKey } });
      const { text } = await send(id, { headers: { 'x-api-key': server.apiKey }, place: nobodys });
      replies.set('our key, what nobody has', { status: 404, text });
      // What is not there yet says so before it looks for anything.
      expectAlike(replies, 404, id);
    });
  }

  it('is shown nothing of ours by what lists', async () => {
    const headers = { 'x-api-key': foreignKey };
    for (const id of ['listSecrets', 'listSandboxes', 'listApiKeys', 'listProviders'] as const) {
      const { status, text } = await send(id, { headers, place: ours });
      assert.equal(status, 200);
      for (const each of [sandbox.id, ours.key, '"ours"']) assert.ok(!text.includes(each), `${id}: ${text}`);
    }
  });

  it('cannot bind a secret of ours, nor learn that there is one', async () => {
    const bind = async (secretName: string) => {
      const response = await fetch(`${server.url}/sandboxes`, {
        method: 'POST',
        headers: { 'x-api-key': foreignKey, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'box', driver: 'external', secrets: { API_KEY: secretName } }),
      });
      const attached = await fetch(`${server.url}/sandboxes/${foreignSandbox.id}/secrets`, {
        method: 'POST',
        headers: { 'x-api-key': foreignKey, 'content-type': 'application/json' },
        body: JSON.stringify({ env_key: 'API_KEY', secret_name: secretName }),
      });
      const texts = [await response.text(), await attached.text()].map((text) => text.replaceAll(secretName, '…'));
      return [response.status, attached.status, ...texts];
    };
    const [created, attached, ...words] = await bind('ours');
    assert.deepEqual([created, attached], [400, 400]);
    assert.deepEqual([created, attached, ...words], await bind('nobody-has-this'));
  });
});

describe('row 19: after all of that', () => {
  it('what is ours is as it was, and still opens with the right credential', async () => {
    const { client } = server;
    assert.deepEqual(
      (await client.secrets.list()).map(({ name }) => name),
      ['ours'],
    );
    const { updated_at: updated, created_at: created } = await client.secrets.get('ours');
    assert.equal(updated, created, 'it was not rotated');
    const live = (await client.sandboxes.list()).map(({ id }) => id);
    assert.deepEqual(new Set(live), new Set([sandbox.id, other.id, stale.id]));
    const { secrets, metadata } = await client.sandboxes.get(sandbox.id);
    assert.deepEqual(
      secrets.map(({ env_key: key, revoked }) => [key, revoked]),
      [['API_KEY', false]],
    );
    assert.deepEqual(metadata, {});
    assert.deepEqual(
      (await client.keys.list()).map(({ id }) => id),
      [ours.key],
    );
    // Who is known is told what is the matter, rather than who it is.
    const known = await send('exec', { headers: dataPlane(sandbox.id, sandbox.access_token), place: ours });
    assert.equal(known.status, 409, known.text);
  });
});
