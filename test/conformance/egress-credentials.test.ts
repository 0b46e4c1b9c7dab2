import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { waitUntil } from '../support/processes.ts';
import { connectPlain } from '../support/proxy-client.ts';
import type { RawConnection, RawResponse } from '../support/proxy-client.ts';
import { chunked, sized } from '../support/replies.ts';
import type { UpstreamRequest } from '../support/tls-upstream.ts';

const api = 'api.example.com';
const git = 'git.example.org';
const elsewhere = 'elsewhere.example.net';
let rig: EgressRig;
let count = 0;

before(async () => {
  rig = await startEgressRig({ names: [api, git, elsewhere] });
});
after(() => rig?.stop());

interface Asked {
  response: RawResponse;
  /** What the upstream received for it. */
  seen: UpstreamRequest | undefined;
  path: string;
}

/** One GET on `connection`; its path is its own. */
async function ask(connection: RawConnection, host: string, lines: string[]): Promise<Asked> {
  const path = `/request-${(count += 1)}`;
  connection.send([`GET ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n'));
  const response = await connection.response();
  return { response, seen: rig.requestsFor(path)[0], path };
}

async function askOnce(sandbox: RigSandbox, host: string, lines: string[]): Promise<Asked> {
  const connection = await sandbox.connect(host);
  const asked = await ask(connection, host, lines);
  connection.close();
  return asked;
}

/** The request was refused with this code, reached nobody, and is in the secret's audit trail. */
async function assertRefused(
  { response, seen, path }: Asked,
  expected: { code: string; status: number; secret: string },
) {
  assert.equal(response.header('x-standin-error'), expected.code, response.body.content.toString());
  assert.equal(response.status, expected.status);
  assert.match(
    response.body.content.toString(),
    new RegExp(`^{"error":{"code":"${expected.code}","message":"[^"]{10,}`),
  );
  assert.equal(seen, undefined, 'nothing reached the upstream');
  const row = await rig.auditRow(expected.secret, (each) => each.path === path);
  assert.equal(row.error_code, expected.code);
  assert.equal(row.status, expected.status);
  assert.equal(row.upstream_status, null);
  assert.equal(row.method, 'GET');
  return row;
}

const basic = (pair: string) => `Authorization: Basic ${Buffer.from(pair, 'latin1').toString('base64')}`;

describe('each shape of a credential', () => {
  const shapes: {
    name: string;
    auth: Parameters<EgressRig['secret']>[0]['auth'];
    sends: (standIn: string) => string;
    receives: (value: string) => [string, string][];
  }[] = [
    {
      name: 'bearer',
      auth: { type: 'bearer' },
      sends: (standIn) => `authorization: bearer ${standIn}`,
      receives: (value) => [['Authorization', `Bearer ${value}`]],
    },
    {
      name: 'basic-with-username',
      auth: { type: 'basic', username: 'robot' },
      sends: (standIn) => basic(`anyone:${standIn}`),
      receives: (value) => [['Authorization', basic(`robot:${value}`).slice(15)]],
    },
    {
      name: 'basic-without-username',
      auth: { type: 'basic' },
      sends: (standIn) => basic(`me@example.com:${standIn}`),
      receives: (value) => [['Authorization', basic(`me@example.com:${value}`).slice(15)]],
    },
    {
      name: 'basic-of-a-lone-token',
      auth: { type: 'basic' },
      sends: (standIn) => basic(`${standIn}:`),
      receives: (value) => [['Authorization', basic(`x:${value}`).slice(15)]],
    },
    {
      name: 'api-key-with-prefix',
      auth: { type: 'api-key', header: 'X-Api-Key', prefix: 'Token  ' },
      sends: (standIn) => `x-api-key: Token  ${standIn}`,
      receives: (value) => [['X-Api-Key', `Token  ${value}`]],
    },
    {
      name: 'custom',
      auth: { type: 'custom', headers: { 'X-One': 'id={{ value }};v=1', 'X-Two': '{{ value }}' } },
      sends: (standIn) => `X-Two: ${standIn}`,
      receives: (value) => [
        ['X-One', `id=${value};v=1`],
        ['X-Two', value],
      ],
    },
  ];

  for (const { name, auth, sends, receives } of shapes) {
    test(`${name}: the upstream receives the real value as its rule says, and the audit trail the use`, async () => {
      const value = await rig.secret({ name, hosts: [api], ...(auth === undefined ? {} : { auth }) });
      assert.equal((await rig.server.client.secrets.get(name)).last_used_at, null);
      const sandbox = await rig.sandbox({ KEY: name });
      const started = Date.now();
      const { response, seen, path } = await askOnce(sandbox, api, ['Accept: */*', sends(sandbox.standIn('KEY'))]);
      assert.equal(response.status, 200);
      const own = new Set(['host', 'accept']);
      const credential = seen?.head.headers.filter(([header]) => !own.has(header.toLowerCase()));
      assert.deepEqual(credential, receives(value));
      assert.ok(!seen?.head.bytes.includes(sandbox.standIn('KEY')));
      const row = await rig.auditRow(name, (each) => each.path === path);
      assert.equal(row.status, 200);
      assert.equal(row.upstream_status, 200);
      assert.equal(row.error_code, null);
      assert.equal(row.sandbox_id, sandbox.id);
      assert.equal(row.host, api);
      const { last_used_at: used } = await rig.server.client.secrets.get(name);
      assert.ok(used !== null && Date.parse(used) >= started - 1 && Date.parse(used) <= Date.now());
    });
  }

  test('per_host: each host has its own rule, and the form of one is refused at the other', async () => {
    const value = await rig.secret({
      name: 'per-host',
      hosts: [api, git],
      auth: {
        per_host: [
          { type: 'bearer', hosts: [api] },
          { type: 'basic', username: 'x-access-token', hosts: [git] },
        ],
      },
    });
    const sandbox = await rig.sandbox({ KEY: 'per-host' });
    const bearer = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
    const password = basic(`git:${sandbox.standIn('KEY')}`);
    const ofApi = await askOnce(sandbox, api, [bearer]);
    assert.deepEqual(headerValues(ofApi.seen?.head ?? { headers: [] }, 'authorization'), [`Bearer ${value}`]);
    const ofGit = await askOnce(sandbox, git, [password]);
    assert.deepEqual(headerValues(ofGit.seen?.head ?? { headers: [] }, 'authorization'), [
      basic(`x-access-token:${value}`).slice(15),
    ]);
    for (const [host, line] of [
      [api, password],
      [git, bearer],
    ] as const) {
      const refused = await askOnce(sandbox, host, [line]);
      await assertRefused(refused, { code: 'credential_host_mismatch', status: 403, secret: 'per-host' });
    }
  });

  test('two secrets in one request are both swapped, and each has its row', async () => {
    const one = await rig.secret({ name: 'one', auth: { type: 'bearer' }, hosts: [api] });
    const two = await rig.secret({ name: 'two', auth: { type: 'api-key', header: 'X-Two' }, hosts: [api] });
    const sandbox = await rig.sandbox({ ONE: 'one', TWO: 'two' });
    const { seen, path } = await askOnce(sandbox, api, [
      `X-Two: ${sandbox.standIn('TWO')}`,
      `Authorization: Bearer ${sandbox.standIn('ONE')}`,
    ]);
    assert.deepEqual(seen?.head.headers, [
      ['Host', api],
      ['X-Two', two],
      ['Authorization', `Bearer ${one}`],
    ]);
    for (const name of ['one', 'two'])
      assert.equal((await rig.auditRow(name, (each) => each.path === path)).status, 200);
  });
});

describe('a stand-in that must not travel', () => {
  let sandbox: RigSandbox;
  const line = () => `Authorization: Bearer ${sandbox.standIn('KEY')}`;

  before(async () => {
    await rig.secret({ name: 'guarded', auth: { type: 'bearer' }, hosts: [api] });
    sandbox = await rig.sandbox({ KEY: 'guarded' });
  });

  test('at another host', async () => {
    const refused = await askOnce(sandbox, elsewhere, [line()]);
    const row = await assertRefused(refused, { code: 'credential_host_mismatch', status: 403, secret: 'guarded' });
    assert.equal(row.host, elsewhere);
  });

  test('in another header', async () => {
    const refused = await askOnce(sandbox, api, [`User-Agent: ${sandbox.standIn('KEY')}`]);
    await assertRefused(refused, { code: 'credential_host_mismatch', status: 403, secret: 'guarded' });
  });

  test('in the path', async () => {
    const connection = await sandbox.connect(api);
    connection.send(`GET /${sandbox.standIn('KEY')} HTTP/1.1\r\nHost: ${api}\r\n\r\n`);
    const response = await connection.response();
    assert.equal(response.header('x-standin-error'), 'credential_host_mismatch');
    connection.close();
  });

  test('in its own header and in another', async () => {
    const refused = await askOnce(sandbox, api, [line(), `X-Debug: ${sandbox.standIn('KEY')}`]);
    await assertRefused(refused, { code: 'credential_host_mismatch', status: 403, secret: 'guarded' });
  });

  test('in a trailer, also after the head has been sent on', async () => {
    const connection = await sandbox.connect(api);
    rig.answer('/trailer', (request) => ({
      bytes: (async function* reply() {
        await request.body;
        yield* sized(200).bytes;
      })(),
    }));
    connection.send(`POST /trailer HTTP/1.1\r\nHost: ${api}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    connection.send(`0\r\nX-Trailer: ${sandbox.standIn('KEY')}\r\n\r\n`);
    const response = await connection.response('POST');
    assert.equal(response.header('x-standin-error'), 'credential_host_mismatch');
    assert.ok(!rig.upstream.receivedText().includes(sandbox.standIn('KEY')));
    connection.close();
  });

  test('of another sandbox', async () => {
    const other = await rig.sandbox({ KEY: 'guarded' });
    const refused = await askOnce(sandbox, api, [`Authorization: Bearer ${other.standIn('KEY')}`]);
    const row = await assertRefused(refused, { code: 'credential_not_bound', status: 403, secret: 'guarded' });
    assert.equal(row.sandbox_id, sandbox.id);
  });

  test('is refused on its own: the next request of the connection is judged by itself', async () => {
    const connection = await sandbox.connect(api);
    const refused = await ask(connection, api, [`X-Debug: ${sandbox.standIn('KEY')}`]);
    assert.equal(refused.response.status, 403);
    const good = await ask(connection, api, [line()]);
    assert.equal(good.response.status, 200);
    connection.close();
  });
});

describe('a stand-in in a request that is refused for another reason is in its audit trail', () => {
  before(() => rig.secret({ name: 'noted', auth: { type: 'bearer' }, hosts: [api] }));

  test('the host is not allowed', async () => {
    const sandbox = await rig.sandbox({ KEY: 'noted' }, { network: { allow_out: [api] } });
    await assert.rejects(sandbox.connect(elsewhere), /host_denied/);
    const connection = await connectPlain(sandbox.access);
    const path = '/denied';
    connection.send(
      [
        `GET https://${elsewhere}${path} HTTP/1.1`,
        `Host: ${elsewhere}`,
        `Proxy-Authorization: ${sandbox.access.authorization}`,
        `Authorization: Bearer ${sandbox.standIn('KEY')}`,
        '',
        '',
      ].join('\r\n'),
    );
    const response = await connection.response();
    connection.close();
    const expected = { code: 'host_denied', status: 403, secret: 'noted' };
    const row = await assertRefused({ response, path, seen: rig.requestsFor(path)[0] }, expected);
    assert.equal(row.host, elsewhere);
  });

  test('the connection is to another host than the request', async () => {
    const sandbox = await rig.sandbox({ KEY: 'noted' });
    const connection = await sandbox.connect(elsewhere);
    const refused = await ask(connection, api, [`Authorization: Bearer ${sandbox.standIn('KEY')}`]);
    connection.close();
    const row = await assertRefused(refused, { code: 'misdirected_request', status: 421, secret: 'noted' });
    assert.equal(row.host, elsewhere);
  });
});

describe('a change while a connection is open', () => {
  test('rotation: the next request has the new value', async () => {
    const first = await rig.secret({ name: 'rotated', auth: { type: 'bearer' }, hosts: [api] });
    const sandbox = await rig.sandbox({ KEY: 'rotated' });
    const line = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
    const connection = await sandbox.connect(api);
    const earlier = await ask(connection, api, [line]);
    await rig.server.client.secrets.rotate('rotated', 'another-value');
    const then = await ask(connection, api, [line]);
    assert.deepEqual(headerValues(earlier.seen?.head ?? { headers: [] }, 'authorization'), [`Bearer ${first}`]);
    assert.deepEqual(headerValues(then.seen?.head ?? { headers: [] }, 'authorization'), ['Bearer another-value']);
    connection.close();
  });

  test('deletion of the secret: 503, on the same connection, and the trail goes on', async () => {
    await rig.secret({ name: 'deleted', auth: { type: 'bearer' }, hosts: [api] });
    const { id } = await rig.server.client.secrets.get('deleted');
    const sandbox = await rig.sandbox({ KEY: 'deleted' });
    const line = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
    const connection = await sandbox.connect(api);
    assert.equal((await ask(connection, api, [line])).response.status, 200);
    await rig.server.client.secrets.remove('deleted');
    const { response, seen } = await ask(connection, api, [line]);
    assert.equal(response.status, 503);
    assert.equal(response.header('x-standin-error'), 'credential_revoked');
    assert.equal(seen, undefined);
    connection.close();
    // The name is free again, and what is stored under it now is another secret with a trail of its own.
    await rig.secret({ name: 'deleted', auth: { type: 'bearer' }, hosts: [api] });
    assert.notEqual((await rig.server.client.secrets.get('deleted')).id, id);
    const again = await askOnce(sandbox, api, [line]);
    assert.equal(again.response.header('x-standin-error'), 'credential_revoked');
    assert.deepEqual(await rig.server.client.secrets.audit('deleted'), []);
  });

  test('detachment: the stand-in is not bound any more, and this is in the trail of its secret', async () => {
    await rig.secret({ name: 'detached', auth: { type: 'bearer' }, hosts: [api] });
    const sandbox = await rig.sandbox({ KEY: 'detached' });
    const line = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
    const connection = await sandbox.connect(api);
    assert.equal((await ask(connection, api, [line])).response.status, 200);
    await rig.server.client.sandboxes.detach(sandbox.id, 'KEY');
    const refused = await ask(connection, api, [line]);
    await assertRefused(refused, { code: 'credential_not_bound', status: 403, secret: 'detached' });
    connection.close();
  });

  test('deletion of the sandbox: 403 on its open tunnel and to CONNECT, with a row where it shows a stand-in', async () => {
    await rig.secret({ name: 'orphaned', auth: { type: 'bearer' }, hosts: [api] });
    const sandbox = await rig.sandbox({ KEY: 'orphaned' });
    const line = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
    const connection = await sandbox.connect(api);
    assert.equal((await ask(connection, api, [line])).response.status, 200);
    await rig.server.client.sandboxes.remove(sandbox.id);
    const refused = await ask(connection, api, [line]);
    await assertRefused(refused, { code: 'sandbox_revoked', status: 403, secret: 'orphaned' });
    connection.close();
    await assert.rejects(sandbox.connect(api), /403.*sandbox_revoked/);
  });
});

describe('the audit trail', () => {
  test("has the upstream's own failure as such, the path without its query, and what was cut off", async () => {
    await rig.secret({ name: 'audited', auth: { type: 'bearer' }, hosts: [api] });
    const sandbox = await rig.sandbox({ KEY: 'audited' });
    const line = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
    const connection = await sandbox.connect(api);
    rig.answer('/own-failure', () => sized(500, 'broken'));
    connection.send(`GET /own-failure?token=private HTTP/1.1\r\nHost: ${api}\r\n${line}\r\n\r\n`);
    const response = await connection.response();
    assert.equal(response.status, 500);
    assert.equal(response.header('x-standin-error'), undefined);
    const row = await rig.auditRow('audited', (each) => each.path === '/own-failure');
    assert.deepEqual([row.status, row.upstream_status, row.error_code], [500, 500, null]);

    rig.answer('/cut', () => ({
      ...chunked(['one']),
      bytes: ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'],
      close: 'end',
    }));
    connection.send(`GET /cut HTTP/1.1\r\nHost: ${api}\r\n${line}\r\n\r\n`);
    await assert.rejects(connection.response(), /closed/);
    const cut = await rig.auditRow('audited', (each) => each.path === '/cut');
    assert.deepEqual([cut.status, cut.upstream_status, cut.error_code], [200, 200, 'upstream_unreachable']);
  });

  test('has the row of a connection whose sandbox has changed meanwhile', async () => {
    const sandbox = await rig.sandbox({ KEY: 'audited' });
    const connection = await sandbox.connect(api);
    await ask(connection, api, []);
    await rig.server.client.sandboxes.detach(sandbox.id, 'KEY');
    connection.close();
    const rows = () => {
      const file = readdirSync(rig.server.dataDir).find((name) => /\.(db|sqlite)$/.test(name)) ?? '';
      const database = new DatabaseSync(join(rig.server.dataDir, file), { readOnly: true });
      try {
        return database
          .prepare(
            `select row.value ->> 3 as host, row.value ->> 6 as verdict, row.value ->> 4 as dst_ip
            from audit_segments, json_each(rows) as row where sandbox_id = ? and row.value ->> 0 = 'connection'`,
          )
          .all(sandbox.id);
      } finally {
        database.close();
      }
    };
    await waitUntil(() => rows().length > 0, { what: 'the row of the connection' });
    assert.deepEqual({ ...rows()[0] }, { host: api, verdict: 'allowed', dst_ip: '127.0.0.1' });
  });
});
