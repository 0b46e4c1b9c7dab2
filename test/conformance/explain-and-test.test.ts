import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { coreFingerprint, findCores } from '../../src/stand-in.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { waitUntil } from '../support/processes.ts';
import { sized } from '../support/replies.ts';

const host = 'api.explained.example';
const anthropic = 'api.anthropic.com';

describe('a request explained, and a secret tested, by way of the real proxy', () => {
  let rig: EgressRig;
  let value: string;
  before(async () => {
    rig = await startEgressRig({ names: [host, anthropic] });
    value = await rig.secret({ name: 'explained', auth: { type: 'bearer' }, hosts: [host] });
  });
  after(() => rig.stop());

  async function explained(path: string) {
    let id: number | undefined;
    await waitUntil(
      async () => {
        const { data } = await rig.server.client.requests.list({ limit: 200 });
        id = data.find((row) => row.path === path && row.kind === 'request')?.id;
        return id !== undefined;
      },
      { what: `a row for ${path}` },
    );
    return await rig.server.client.requests.explain(id ?? 0);
  }

  it('says which stand-in was found where, what was dialled and how long each step took', async () => {
    const sandbox = await rig.sandbox({ API_KEY: 'explained' }, { network: { allow_out: [host] } });
    const connection = await sandbox.connect(host);
    const standIn = sandbox.standIn('API_KEY');
    rig.answer('/first', () => sized(200, `you sent ${value}`));
    for (const path of ['/first', '/second']) {
      connection.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${standIn}\r\n\r\n`);
      assert.equal((await connection.response()).status, 200);
    }
    const first = await explained('/first');
    assert.equal(first.detail, 'full');
    assert.deepEqual(
      first.stand_ins.map(({ env_key: key, secret_name: name, slot, swapped }) => [key, name, slot, swapped]),
      [['API_KEY', 'explained', 'header authorization', true]],
    );
    assert.deepEqual(first.network, { verdict: 'allowed', rule: `allow_out: ${host}` });
    assert.deepEqual(first.connection, {
      address: '127.0.0.1',
      port: rig.upstream.port,
      tls: 'TLSv1.3',
      alpn: null,
      certificate_name: host,
      reused: false,
    });
    const names = first.steps.map(({ name }) => name);
    assert.deepEqual(names, ['judged', 'value_opened', 'dialled', 'tls', 'first_byte', 'body']);
    assert.ok(first.steps.every(({ ms }) => ms >= 0));
    assert.deepEqual(first.scrubbed, [{ place: 'body', count: 1 }]);
    assert.equal(first.refused, null);
    assert.match(first.text[0] ?? '', /^API_KEY \(explained\) was found in header authorization and swapped/);
    const second = await explained('/second');
    assert.equal(second.connection?.reused, true);
    assert.deepEqual(second.scrubbed, []);
    for (const each of [first, second]) {
      assert.ok(!JSON.stringify(each).includes(value), 'no value');
      assert.ok(!JSON.stringify(each).includes(standIn), 'no stand-in');
    }
    connection.close();
  });

  it('says why nothing was swapped, and why a request was refused', async () => {
    const sandbox = await rig.sandbox({ API_KEY: 'explained' });
    const connection = await sandbox.connect(host);
    connection.send(`GET /plain HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await connection.response();
    const plain = await explained('/plain');
    assert.deepEqual(plain.stand_ins, []);
    assert.match(plain.text[0] ?? '', /^Nothing was swapped because the request carried no stand-in/);
    connection.send(`GET /wrong HTTP/1.1\r\nHost: ${host}\r\nX-Other: ${sandbox.standIn('API_KEY')}\r\n\r\n`);
    assert.equal((await connection.response()).status, 403);
    const wrong = await explained('/wrong');
    assert.deepEqual(
      wrong.stand_ins.map(({ env_key: key, slot, swapped }) => [key, slot, swapped]),
      [['API_KEY', 'header x-other', false]],
    );
    assert.equal(wrong.refused?.code, 'credential_host_mismatch');
    assert.equal(wrong.connection, null, 'nothing was dialled');
    assert.equal((await rig.server.client.audit.verify()).broken, null);
    connection.close();
  });

  it('tests a key by one harmless call through the proxy, and tells no value', async () => {
    const key = await rig.secret({ name: 'claude', provider: 'anthropic' });
    rig.answer('/v1/models', ({ head }) =>
      sized(head.bytes.toString('latin1').includes(`x-api-key: ${key}`) ? 200 : 401, `{"secret": "${key}"}`),
    );
    const works = await rig.server.client.secrets.test('claude');
    assert.deepEqual([works.works, works.status, works.host, works.path], [true, 200, anthropic, '/v1/models']);
    const [request] = rig.requestsFor('/v1/models');
    assert.match(request?.head.bytes.toString('latin1') ?? '', /anthropic-version: 2023-06-01/i);
    rig.answer('/v1/models', () => sized(401));
    const fails = await rig.server.client.secrets.test('claude');
    assert.deepEqual([fails.works, fails.status], [false, 401]);
    assert.match(fails.explanation, /does not work/);
    rig.answer('/v1/models', () => sized(503));
    assert.equal((await rig.server.client.secrets.test('claude')).works, 'unknown');
    const row = await rig.auditRow('claude', ({ path }) => path === '/v1/models');
    assert.equal(row.host, anthropic);
    for (const each of [works, fails]) assert.ok(!JSON.stringify(each).includes(key));
    assert.deepEqual(
      (await rig.server.client.sandboxes.list()).filter(({ secrets }) =>
        secrets.some((each) => each.secret_name === 'claude'),
      ),
      [],
      'no sandbox is left',
    );
  });

  it('believes no upstream that claims to be the proxy, and follows none elsewhere', async () => {
    const { secrets } = rig.server.client;
    rig.answer('/forged', () => sized(200, 'ok', { 'X-Standin-Error': '\u009b31mcall 555-0100' }));
    const forged = await secrets.test('explained', { url: `https://${host}/forged` });
    assert.equal(forged.works, true);
    assert.doesNotMatch(JSON.stringify(forged), /555/);
    rig.answer('/moved', () => sized(302, '', { Location: `https://${anthropic}/stolen` }));
    const moved = await secrets.test('explained', { url: `https://${host}/moved` });
    assert.deepEqual([moved.works, moved.status], ['unknown', 302]);
    assert.doesNotMatch(rig.upstream.receivedText(), /\/stolen/);
  });

  it('sends a test nowhere but to hosts of the secret, without a body, and not too often', async () => {
    const { secrets } = rig.server.client;
    const own = await secrets.test('explained', { url: `https://${host}/own?x=1` });
    assert.equal(own.works, true);
    for (const [call, words] of [
      [{ url: `https://${anthropic}/` }, /one of the secret's hosts/],
      [{ url: `http://${host}/` }, /https/],
      [{ url: `https://${host}:8443/` }, /port/],
      [{ method: 'DELETE', url: `https://${host}/` }, /GET, HEAD or OPTIONS/],
      [{ url: 'nonsense' }, /absolute URL/],
    ] as const) {
      await assert.rejects(secrets.test('explained', call), words);
    }
    const many = await Promise.allSettled(Array.from({ length: 15 }, () => secrets.test('explained')));
    const limited = many.filter((each) => each.status === 'rejected' && /too many tests/.test(String(each.reason)));
    assert.ok(limited.length > 0, 'a limit');
  });

  it('says what would be swapped without sending anything', async () => {
    const { secrets } = rig.server.client;
    const had = rig.upstream.requests.length;
    const url = `https://${host}/v1`;
    const yes = await secrets.explain('explained', { url, headers: { Authorization: 'Bearer {{stand_in}}' } });
    assert.deepEqual(yes, {
      outcome: 'swapped',
      host,
      stand_ins: [{ slot: 'header authorization', swapped: true }],
      would_send: ['Authorization: Bearer {{value}}'],
      refused: null,
      explanation: `yes: explained would be swapped at ${host} in header authorization`,
    });
    const passed = await secrets.explain('explained', { url });
    assert.equal(passed.outcome, 'passed');
    const wrong = await secrets.explain('explained', { url, headers: { 'X-Key': '{{stand_in}}' } });
    assert.deepEqual([wrong.outcome, wrong.refused?.code], ['refused', 'credential_host_mismatch']);
    assert.deepEqual(wrong.stand_ins, [{ slot: 'header x-key', swapped: false }]);
    const basic = await secrets.explain('explained', {
      url,
      headers: { Authorization: 'Basic {{base64 me:{{stand_in}}}}' },
    });
    assert.equal(basic.outcome, 'refused');
    const elsewhere = await secrets.explain('explained', {
      url: 'https://other.example.com/',
      headers: { Authorization: 'Bearer {{stand_in}}' },
    });
    assert.equal(elsewhere.refused?.code, 'credential_host_mismatch');
    const clear = await secrets.explain('explained', {
      url: `http://${host}/`,
      headers: { Authorization: 'Bearer {{stand_in}}' },
    });
    assert.equal(clear.outcome, 'refused');
    assert.equal(rig.upstream.requests.length, had, 'nothing was sent');
    for (const each of [yes, wrong, basic, elsewhere]) {
      assert.deepEqual(
        findCores(JSON.stringify(each)).map(({ core }) => coreFingerprint(core)),
        [],
        'no stand-in',
      );
    }
    await assert.rejects(secrets.explain('explained', { url, headers: { 'X-A': 'b\r\nX-C: d' } }), /line break/);
  });
});
