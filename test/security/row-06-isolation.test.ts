import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SyntheticDns } from '../../src/egress/listeners/synthetic-dns.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';
import type { RawConnection, RawResponse } from '../support/proxy-client.ts';
import { sized } from '../support/replies.ts';
import type { UpstreamRequest } from '../support/tls-upstream.ts';

const host = 'api.example.com';
let rig: EgressRig;
let first: string;
let second: string;
let other: string;
let count = 0;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  first = await rig.secret({ name: 'first', auth: { type: 'bearer' }, hosts: [host] });
  second = await rig.secret({ name: 'second', auth: { type: 'bearer' }, hosts: [host] });
  other = await rig.secret({ name: 'other', auth: { type: 'api-key', header: 'X-Other' }, hosts: [host] });
});
after(() => rig?.stop());

/** One request on a connection of its own; with what the upstream saw of it, where it saw it. */
async function ask(
  sandbox: RigSandbox,
  lines: string[],
  path = `/${(count += 1)}`,
): Promise<{ response: RawResponse; seen: UpstreamRequest | undefined }> {
  const connection = await sandbox.connect(host);
  const response = await send(connection, lines, path);
  connection.close();
  return { response, seen: rig.requestsFor(path).at(-1) };
}

function send(connection: RawConnection, lines: string[], path: string): Promise<RawResponse> {
  connection.send([`GET ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n'));
  return connection.response();
}

const bearer = (standIn: string) => `Authorization: Bearer ${standIn}`;
const authorization = (seen: UpstreamRequest | undefined) =>
  seen === undefined ? undefined : headerValues(seen.head, 'authorization');

describe('credentials', () => {
  test('of two secrets for one host, each stand-in gives its own', async () => {
    const sandbox = await rig.sandbox({ ONE: 'first', TWO: 'second' });
    for (const [key, value] of Object.entries({ ONE: first, TWO: second })) {
      const { response, seen } = await ask(sandbox, [bearer(sandbox.standIn(key))]);
      assert.equal(response.status, 200);
      assert.deepEqual(authorization(seen), [`Bearer ${value}`]);
    }
  });

  test('two secrets that want one header are refused together', async () => {
    const sandbox = await rig.sandbox({ ONE: 'first', TWO: 'second' });
    const { response, seen } = await ask(sandbox, [bearer(sandbox.standIn('ONE')), bearer(sandbox.standIn('TWO'))]);
    assert.equal(response.header('x-standin-error'), 'credential_host_mismatch');
    assert.equal(seen, undefined);
  });

  test('one secret in two sandboxes, and under two keys of one, has a stand-in of its own each time', async () => {
    const [a, b] = [await rig.sandbox({ KEY: 'first', AGAIN: 'first' }), await rig.sandbox({ KEY: 'first' })];
    const all = [a.standIn('KEY'), a.standIn('AGAIN'), b.standIn('KEY')];
    assert.equal(new Set(all).size, 3);
    for (const [sandbox, key] of [
      [a, 'KEY'],
      [a, 'AGAIN'],
      [b, 'KEY'],
    ] as const) {
      const { seen } = await ask(sandbox, [bearer(sandbox.standIn(key))]);
      assert.deepEqual(authorization(seen), [`Bearer ${first}`]);
    }
  });

  test('the same key in two sandboxes is the secret of each', async () => {
    const [a, b] = [await rig.sandbox({ KEY: 'first' }), await rig.sandbox({ KEY: 'second' })];
    assert.deepEqual(authorization((await ask(a, [bearer(a.standIn('KEY'))])).seen), [`Bearer ${first}`]);
    assert.deepEqual(authorization((await ask(b, [bearer(b.standIn('KEY'))])).seen), [`Bearer ${second}`]);
  });

  test('the stand-in of another sandbox is worth nothing, even for a secret that both have, and is recorded', async () => {
    const [a, b] = [await rig.sandbox({ KEY: 'first' }), await rig.sandbox({ KEY: 'first' })];
    const carried = {
      '/foreign': [bearer(a.standIn('KEY'))],
      '/both': [bearer(b.standIn('KEY')), `X-A: ${a.standIn('KEY')}`],
    };
    for (const [path, lines] of Object.entries(carried)) {
      const { response, seen } = await ask(b, lines, path);
      assert.equal(response.status, 403);
      assert.equal(response.header('x-standin-error'), 'credential_not_bound');
      assert.equal(seen, undefined);
      const row = await rig.auditRow('first', (each) => each.path === path);
      assert.equal(row.error_code, 'credential_not_bound');
      assert.equal(row.sandbox_id, b.id);
      assert.equal(row.status, 403);
      assert.equal(row.upstream_status, null);
      assert.equal(row.host, host);
    }
  });

  test('a request without a stand-in gets no credential, whatever came before it on its connection', async () => {
    const sandbox = await rig.sandbox({ ONE: 'first', OTHER: 'other' });
    const connection = await sandbox.connect(host);
    await send(connection, [bearer(sandbox.standIn('ONE')), `X-Other: ${sandbox.standIn('OTHER')}`], '/with');
    await send(connection, [], '/without');
    connection.close();
    const [withThem] = rig.requestsFor('/with');
    const [without] = rig.requestsFor('/without');
    assert.ok(withThem !== undefined && without !== undefined);
    assert.ok(withThem.head.bytes.includes(first) && withThem.head.bytes.includes(other));
    assert.equal(without.connection.index, withThem.connection.index, 'the upstream connection is the same');
    assert.deepEqual(without.head.headers, [['Host', host]]);
  });
});

describe('connections to the upstream', () => {
  const once = () => sized(200, '', { Connection: 'close' });

  test('are reused within a sandbox and never by another', async () => {
    const [a, b] = [await rig.sandbox({ KEY: 'first' }), await rig.sandbox({ KEY: 'first' })];
    const index = async (sandbox: RigSandbox) => (await ask(sandbox, [])).seen?.connection.index;
    const ofA = await index(a);
    assert.equal(await index(a), ofA, 'an idle connection is taken again');
    const ofB = await index(b);
    assert.notEqual(ofB, ofA);
    assert.equal(await index(b), ofB);
    assert.equal(await index(a), ofA);
  });

  test('resume a TLS session within a sandbox, and never that of another', async () => {
    const [a, b] = [await rig.sandbox(), await rig.sandbox()];
    rig.answer('/session', once);
    const reused = async (sandbox: RigSandbox) => (await ask(sandbox, [], '/session')).seen?.connection.sessionReused;
    assert.equal(await reused(a), false);
    assert.equal(await reused(a), true, 'its own session is resumed');
    assert.equal(await reused(b), false);
  });

  test('of one sandbox are busy: another request of it gets one of its own', async () => {
    const a = await rig.sandbox();
    const gate = Promise.withResolvers<void>();
    rig.answer('/held', async () => {
      await gate.promise;
      return sized(200);
    });
    const held = ask(a, [], '/held');
    await waitUntil(() => rig.requestsFor('/held').length === 1, { what: 'the first request' });
    const { seen } = await ask(a, []);
    gate.resolve();
    await held;
    assert.notEqual(rig.requestsFor('/held').at(-1)?.connection.index, seen?.connection.index);
  });
});

describe('names', () => {
  test('an address is known only to the sandbox whose resolver gave it out', () => {
    const [a, b] = [new SyntheticDns(), new SyntheticDns()];
    const address = a.addressOf('internal.example.com');
    assert.equal(a.nameOf(address), 'internal.example.com');
    assert.equal(b.nameOf(address), null);
    assert.equal(b.addressOf('other.example.com'), address, 'the same address is another name there');
    assert.equal(a.nameOf(address), 'internal.example.com');
  });

  test(
    'two sandboxes with one address for two names each reach their own',
    { skip: skipWithout('bwrap') },
    async () => {
      const make = (name: string) => rig.server.client.sandboxes.create({ name, driver: 'bubblewrap' });
      const [a, b] = [await make('names-a'), await make('names-b')];
      const run = async (sandbox: typeof a, command: string) =>
        (await rig.server.client.exec(sandbox, { command })).stdout.trim();
      const lookUp = (name: string) => `getent ahostsv4 ${name} | head -1 | cut -d' ' -f1`;
      const address = await run(a, lookUp(host));
      assert.equal(await run(b, lookUp('elsewhere.example.org')), address);
      const curl = (name: string) =>
        `curl -s -o /dev/null -w '%{http_code}' --resolve ${name}:443:${address} https://${name}/names`;
      assert.equal(await run(a, curl(host)), '200');
      assert.equal(await run(b, curl(host)), '421', 'what the neighbour looked up does not count here');
      assert.equal(rig.requestsFor('/names').length, 1);
    },
  );
});
