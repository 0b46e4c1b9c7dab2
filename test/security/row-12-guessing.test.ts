import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { accessToken } from '../../src/crypto/access-token.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { findCores, hexMarker, textMarker } from '../../src/stand-in.ts';
import { catalogue } from '../../src/vault/providers/catalogue.ts';
import { token } from '../../src/vault/providers/token-shape.ts';
import { makeStandIn } from '../../src/vault/stand-ins.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { connectPlain, proxyAuthorization } from '../support/proxy-client.ts';
import type { RawResponse } from '../support/proxy-client.ts';

const host = 'api.example.com';
const sampleSize = 400;
let rig: EgressRig;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
});
after(() => rig?.stop());

/** Random bits of `texts`, all of one length: for each place, the bits that the number of different characters needs. */
function randomBits(texts: string[]): number {
  assert.equal(new Set(texts).size, texts.length, 'no two are the same');
  let bits = 0;
  for (let place = 0; place < (texts[0]?.length ?? 0); place++) {
    bits += Math.log2(new Set(texts.map((text) => text[place])).size);
  }
  return bits;
}

async function sample(make: () => string | Promise<string>): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < sampleSize) texts.push(await make());
  return texts;
}

describe('what an attacker would have to guess has 128 random bits or more', () => {
  test("a stand-in of every provider's shape, marker and check characters not counted", async () => {
    const shapes = [token('', 40), ...[...catalogue.values()].flatMap(({ tokens }) => tokens)];
    for (const shape of new Set(shapes)) {
      const cores = await sample(() => {
        const [found] = findCores(makeStandIn(shape).text);
        assert.ok(found !== undefined, 'it is recognised');
        return found.core;
      });
      const text = cores[0]?.startsWith(textMarker) === true;
      const random = cores.map((core) => (text ? core.slice(textMarker.length, -3) : core.slice(hexMarker.length)));
      assert.ok(randomBits(random) >= 128, JSON.stringify(shape));
    }
  });

  test('a proxy token', async () => {
    const { id } = await rig.sandbox();
    const tokens = await sample(async () => {
      const { proxy_url } = await rig.server.client.sandboxes.rotateEgressToken(id);
      return new URL(proxy_url).password;
    });
    assert.ok(randomBits(tokens) >= 128);
  });

  test('an access token, of each sandbox and of each generation', async () => {
    const key = new Secret(randomBytes(32));
    const bySandbox = await sample(() => accessToken(key, { sandboxId: randomUUID(), generation: 1 }));
    assert.ok(randomBits(bySandbox) >= 128);
    let generation = 0;
    const sandboxId = randomUUID();
    const byGeneration = await sample(() => accessToken(key, { sandboxId, generation: (generation += 1) }));
    assert.ok(randomBits(byGeneration) >= 128);
  });

  test('an API key', async () => {
    const keys = await sample(async () => (await rig.server.client.keys.create({ name: 'sample' })).key);
    assert.ok(randomBits(keys) >= 128);
  });
});

/** CONNECT with these credentials, to its answer. */
async function connect(authorization: string | undefined): Promise<RawResponse> {
  const connection = await connectPlain({ port: rig.server.proxyPort });
  const line = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
  connection.send(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n${line}\r\n`);
  const response = await connection.response('CONNECT');
  connection.close();
  return response;
}

const tokenOf = (authorization: string | undefined) =>
  Buffer.from(authorization?.split(' ')[1] ?? '', 'base64')
    .toString()
    .split(':')[1] ?? '';

describe('a wrong credential', () => {
  test('of a proxy is answered 407, and says how to do it right', async () => {
    const [a, b] = [await rig.sandbox({ KEY: 'key' }), await rig.sandbox()];
    const right = tokenOf(a.access.authorization);
    const wrong: Record<string, string | undefined> = {
      none: undefined,
      'another token': proxyAuthorization(a.id, 'x'.repeat(43)),
      'the beginning of the token': proxyAuthorization(a.id, right.slice(0, -1)),
      'more than the token': proxyAuthorization(a.id, `${right}A`),
      'an empty token': proxyAuthorization(a.id, ''),
      "another sandbox's token": proxyAuthorization(a.id, tokenOf(b.access.authorization)),
      'no such sandbox': proxyAuthorization(randomUUID(), right),
      'no id at all': proxyAuthorization('sandbox', right),
      'a stand-in': proxyAuthorization(a.id, a.standIn('KEY')),
      'another scheme': `Bearer ${right}`,
    };
    for (const [what, authorization] of Object.entries(wrong)) {
      const response = await connect(authorization);
      assert.equal(response.status, 407, what);
      assert.equal(response.header('proxy-authenticate'), 'Basic realm="standin"', what);
      assert.equal(response.header('x-standin-error'), 'proxy_auth_required', what);
    }
    assert.equal((await connect(a.access.authorization)).status, 200);
  });

  test('of a proxy is a rotated token, at once', async () => {
    const sandbox = await rig.sandbox();
    assert.equal((await connect(sandbox.access.authorization)).status, 200);
    await rig.server.client.sandboxes.rotateEgressToken(sandbox.id);
    assert.equal((await connect(sandbox.access.authorization)).status, 407);
  });

  test('of a proxy is one that is missing from a request in absolute form', async () => {
    const connection = await connectPlain({ port: rig.server.proxyPort });
    connection.send(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await connection.response()).status, 407);
    connection.close();
  });

  test('of a proxy is refused on a connection on which another request brought a right one', async () => {
    const [sandbox, neighbour] = [await rig.sandbox({ KEY: 'key' }), await rig.sandbox({ KEY: 'key' })];
    const begin = async () => {
      const connection = await connectPlain({ port: rig.server.proxyPort });
      const ask = (path: string, who: RigSandbox, authorization: string | undefined) => {
        const line = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
        const credential = `Authorization: Bearer ${who.standIn('KEY')}\r\n`;
        connection.send(`GET https://${host}${path} HTTP/1.1\r\nHost: ${host}\r\n${line}${credential}\r\n`);
        return connection.response();
      };
      assert.equal((await ask('/right', sandbox, sandbox.access.authorization)).status, 200);
      return { connection, ask };
    };
    for (const authorization of [undefined, proxyAuthorization(sandbox.id, 'x'.repeat(43))]) {
      const { connection, ask } = await begin();
      assert.equal((await ask('/wrong', sandbox, authorization)).status, 407);
      connection.close();
    }
    const { connection, ask } = await begin();
    assert.equal((await ask('/neighbour', neighbour, neighbour.access.authorization)).status, 200);
    const line = `Host: ${host}:443\r\n`;
    connection.send(`CONNECT ${host}:443 HTTP/1.1\r\n${line}\r\n`);
    assert.equal((await connection.response('CONNECT')).status, 407);
    connection.close();
    const rotated = await begin();
    await rig.server.client.sandboxes.rotateEgressToken(sandbox.id);
    assert.equal((await rotated.ask('/wrong', sandbox, sandbox.access.authorization)).status, 407);
    rotated.connection.close();
    assert.equal(rig.requestsFor('/wrong').length, 0);
  });

  test('is slowed down for its sandbox, and nobody else is', async () => {
    const [guessed, neighbour] = [await rig.sandbox(), await rig.sandbox()];
    const statuses: number[] = [];
    for (let guess = 0; guess < 15; guess++) {
      const response = await connect(proxyAuthorization(guessed.id, `guess-${guess}`));
      statuses.push(response.status);
      if (response.status !== 429) continue;
      assert.equal(response.header('x-standin-error'), 'rate_limited');
      assert.match(response.header('retry-after') ?? '', /^[1-9]\d*$/);
    }
    assert.deepEqual([...new Set(statuses)], [407, 429]);
    assert.ok(statuses.indexOf(429) <= 10);
    assert.equal((await connect(guessed.access.authorization)).status, 429, 'a right guess is not told from a wrong');
    assert.equal((await connect(neighbour.access.authorization)).status, 200);
    assert.equal((await connect(undefined)).status, 407, 'a client that asks first what is wanted');
  });

  test('does not lock out who was right before from the same address, until the token is right no more', async () => {
    const sandbox = await rig.sandbox();
    assert.equal((await connect(sandbox.access.authorization)).status, 200);
    for (let guess = 0; guess < 15; guess++) await connect(proxyAuthorization(sandbox.id, `guess-${guess}`));
    assert.equal((await connect(sandbox.access.authorization)).status, 200);
    assert.equal(
      (await connect(proxyAuthorization(sandbox.id, 'another'))).status,
      429,
      'nobody else is let in by that',
    );
    const { proxy_url } = await rig.server.client.sandboxes.rotateEgressToken(sandbox.id);
    assert.equal(
      (await connect(sandbox.access.authorization)).status,
      407,
      'what was right is judged, and is wrong now',
    );
    assert.equal((await connect(sandbox.access.authorization)).status, 429);
    const fresh = proxyAuthorization(sandbox.id, new URL(proxy_url).password);
    assert.equal((await connect(fresh)).status, 429, 'a new token has not been right yet');
  });
});

describe('the database', () => {
  test('holds no token and no API key, only what they are compared with', async () => {
    const sandbox = await rig.server.client.sandboxes.create({ name: 'stored', driver: 'external' });
    const { key } = await rig.server.client.keys.create({ name: 'stored' });
    const tokens = [key, rig.server.apiKey, sandbox.access_token, new URL(sandbox.egress.proxy_url).password];
    const files = readdirSync(rig.server.dataDir, { withFileTypes: true }).filter((each) => each.isFile());
    assert.ok(
      files.some(({ name }) => name.endsWith('.db') || name.endsWith('.sqlite')),
      'the database is among them',
    );
    const written = files.map(({ name }) => readFileSync(join(rig.server.dataDir, name)));
    assert.ok(
      written.some((bytes) => bytes.includes(sandbox.id)),
      'the sandbox is stored',
    );
    for (const secret of tokens) {
      assert.equal(secret.length >= 32, true);
      for (const bytes of written) assert.ok(!bytes.includes(secret));
    }
  });
});

describe('at the API', () => {
  const call = (headers: Record<string, string>, path = '/secrets', method = 'GET') =>
    fetch(`${rig.server.url}${path}`, {
      method,
      headers,
      ...(method === 'POST' ? { body: '{"command":"true"}' } : {}),
    });

  test('a wrong key or token is 401, many are 429 with Retry-After, and who was right before stays in', async () => {
    const { id } = await rig.server.client.sandboxes.create({ name: 'api', driver: 'external' });
    const exec = (text: string) =>
      call(
        { 'x-access-token': text, 'x-superserve-sandbox-id': id, 'content-type': 'application/json' },
        '/exec',
        'POST',
      );
    assert.equal((await call({ 'x-api-key': 'wrong' })).status, 401);
    assert.equal((await exec('wrong')).status, 401);
    const statuses: number[] = [];
    for (let guess = 0; guess < 25; guess++) {
      const response = await (guess % 2 === 0 ? call({ 'x-api-key': `guess-${guess}` }) : exec(`guess-${guess}`));
      statuses.push(response.status);
      if (response.status === 429) assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      await response.arrayBuffer();
    }
    assert.deepEqual([...new Set(statuses)], [401, 429]);
    assert.equal((await call({ 'x-api-key': rig.server.apiKey })).status, 200);
  });
});
