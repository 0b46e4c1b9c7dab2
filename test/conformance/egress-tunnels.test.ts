import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { RowReader } from '../support/connection-rows.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { connectThroughProxy, openTunnel } from '../support/proxy-client.ts';
import type { RawConnection } from '../support/proxy-client.ts';
import { chunked, sized } from '../support/replies.ts';

const bound = 'api.example.com';
const pinned = 'pinned.example.net';
const other = 'www.example.org';
const closed = 'closed.example.net';
let rig: EgressRig;
let rows: RowReader;

before(async () => {
  rig = await startEgressRig({ names: [bound, pinned, other], also: { [`${closed}:443`]: 1 } });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [bound] });
  await rig.secret({ name: 'late', auth: { type: 'bearer' }, hosts: [other] });
  rows = await RowReader.open(rig);
});
after(async () => {
  await rows?.close();
  await rig?.stop();
});

/** TLS through CONNECT that trusts the upstream's own authority alone: our leaves do not pass. */
function connectUnopened(sandbox: RigSandbox, host: string, serverName = host): Promise<RawConnection> {
  return connectThroughProxy(sandbox.access, { host, serverName, ca: rig.authority.certPem });
}

/** TLS in a tunnel that verifies nothing, and no server name where `serverName` is empty; how it ended, where it did. */
async function handshake(sandbox: RigSandbox, target: string, serverName: string): Promise<TLSSocket | string> {
  const socket = await openTunnel(sandbox.access, target);
  const tls = connectTls({ socket, rejectUnauthorized: false, servername: serverName });
  const ended = once(tls, 'secureConnect').then(
    () => tls,
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'closed'),
  );
  return ended;
}

async function get(connection: RawConnection, host: string, lines: string[] = []): Promise<number> {
  connection.send(['GET /tunnel HTTP/1.1', `Host: ${host}`, ...lines, '', ''].join('\r\n'));
  return (await connection.response()).status;
}

describe('tunnel_out', () => {
  test("a host of it shows its own certificate, and its connection's row says so, with bytes", async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network: { tunnel_out: ['*.example.net'] } });
    const connection = await connectUnopened(sandbox, pinned);
    rig.answer('/tunnel', () => sized(200, 'x'.repeat(20_000)));
    assert.equal(await get(connection, pinned), 200);
    connection.close();
    const { bytesSent, bytesRecv, ...row } = await rows.only(sandbox.id);
    assert.deepEqual(row, {
      host: pinned,
      dstIp: '127.0.0.1',
      dstPort: 443,
      verdict: 'allowed',
      matchRule: 'tunnel_out: *.example.net',
    });
    assert.ok((bytesSent ?? 0) > 300 && (bytesSent ?? 0) < 5000, String(bytesSent));
    assert.ok((bytesRecv ?? 0) > 20_000 && (bytesRecv ?? 0) < 30_000, String(bytesRecv));
  });

  test('every other host is opened, and a stand-in at it is refused', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network: { tunnel_out: [pinned] } });
    const connection = await sandbox.connect(other);
    assert.equal(await get(connection, other, [`Authorization: Bearer ${sandbox.standIn('KEY')}`]), 403);
    connection.close();
  });

  test('a stand-in that goes to one of its hosts is not swapped: it arrives as the worthless thing it is', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network: { tunnel_out: [pinned] } });
    const connection = await connectUnopened(sandbox, pinned);
    rig.answer('/tunnel', () => sized(200));
    assert.equal(await get(connection, pinned, [`Authorization: Bearer ${sandbox.standIn('KEY')}`]), 200);
    const [, given] =
      rig
        .requestsFor('/tunnel')
        .at(-1)
        ?.head.headers.find(([name]) => name === 'Authorization') ?? [];
    assert.equal(given, `Bearer ${sandbox.standIn('KEY')}`);
    connection.close();
  });

  test('a server name that is not that of CONNECT goes nowhere, in both directions', async () => {
    const network = { tunnel_out: [pinned] };
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network });
    const seen = rig.upstream.connections.length;
    assert.equal(await handshake(sandbox, `${pinned}:443`, bound), 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
    assert.equal((await rows.only(sandbox.id)).matchRule, `tunnel_out: ${pinned}: the server name is another`);
    const opened = await sandbox.connect(bound, { serverName: pinned });
    assert.equal(await get(opened, pinned), 421);
    opened.close();
    assert.equal(rig.upstream.connections.length, seen);
  });

  test('opens no way: what the rules do not allow is refused', async () => {
    const network = { allow_out: [other], tunnel_out: [pinned] };
    const sandbox = await rig.sandbox({}, { network });
    await assert.rejects(connectUnopened(sandbox, pinned), /host_denied/);
    const row = await rows.only(sandbox.id);
    assert.deepEqual([row.host, row.verdict, row.dstPort], [pinned, 'blocked', 443]);
  });

  test('an upstream that cannot be reached ends the handshake with an alert, and the row says failed', async () => {
    const sandbox = await rig.sandbox({}, { network: { tunnel_out: [closed] } });
    assert.equal(await handshake(sandbox, `${closed}:443`, closed), 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR');
    const row = await rows.only(sandbox.id);
    assert.deepEqual([row.verdict, row.matchRule], ['failed', `tunnel_out: ${closed}`]);
  });

  test('the address guard holds for what goes through unopened', async () => {
    const sandbox = await rig.sandbox({}, { network: { tunnel_out: ['localhost'] } });
    assert.equal(await handshake(sandbox, 'localhost:443', 'localhost'), 'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED');
    const row = await rows.only(sandbox.id);
    assert.deepEqual([row.verdict, row.matchRule], ['blocked', 'address guard']);
    assert.match(row.dstIp ?? '', /^(127\.0\.0\.1|::1)$/);
  });
});

describe('intercept: bound', () => {
  const network = { intercept: 'bound' as const };

  test('hosts of bound secrets are opened and get their value; others show their own certificate', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network });
    const opened = await sandbox.connect(bound);
    assert.equal(await get(opened, bound, [`Authorization: Bearer ${sandbox.standIn('KEY')}`]), 200);
    opened.close();
    const through = await connectUnopened(sandbox, other);
    assert.equal(await get(through, other), 200);
    through.close();
    const found = await rows.expect(sandbox.id, 2);
    const ruleOf = Object.fromEntries(found.map(({ host, matchRule }) => [host, matchRule]));
    assert.deepEqual(ruleOf, { [bound]: null, [other]: 'intercept: bound' });
  });

  test('a host whose secret was deleted is opened still, and its stand-in refused', async () => {
    await rig.secret({ name: 'gone', auth: { type: 'bearer' }, hosts: [pinned] });
    const sandbox = await rig.sandbox({ KEY: 'gone' }, { network });
    await rig.server.client.secrets.remove('gone');
    const connection = await sandbox.connect(pinned);
    assert.equal(await get(connection, pinned, [`Authorization: Bearer ${sandbox.standIn('KEY')}`]), 503);
    connection.close();
  });

  test('without a server name the name of CONNECT is judged', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network });
    const through = await handshake(sandbox, `${other}:443`, '');
    assert.ok(typeof through !== 'string', 'the handshake failed');
    assert.equal(through.getPeerCertificate().issuer.CN, 'Throw-away test CA');
    through.destroy();
    const opened = await handshake(sandbox, `${bound}:443`, '');
    assert.ok(typeof opened !== 'string', 'the handshake failed');
    assert.notEqual(opened.getPeerCertificate().issuer.CN, 'Throw-away test CA');
    opened.destroy();
  });

  test('a bound name as server name does not get another host through, nor that name to another host', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' }, { network });
    assert.equal(await handshake(sandbox, `${other}:443`, bound), 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
    const opened = await sandbox.connect(bound, { serverName: other });
    assert.equal(await get(opened, other), 421);
    opened.close();
  });

  test(
    'a tunnel to a host that becomes bound ends within a second, and the next one is opened',
    { timeout: 20_000 },
    async () => {
      const sandbox = await rig.sandbox({ KEY: 'key' }, { network });
      const through = await connectUnopened(sandbox, other);
      const elsewhere = await connectUnopened(sandbox, pinned);
      assert.equal(await get(through, other), 200);
      const ended = through.reader.closed;
      const started = performance.now();
      await rig.server.client.sandboxes.attach(sandbox.id, { env_key: 'LATE', secret_name: 'late' });
      await ended;
      assert.ok(performance.now() - started < 1000);
      assert.equal(await get(elsewhere, pinned), 200, 'a tunnel to another host goes on');
      elsewhere.close();
      await assert.rejects(connectUnopened(sandbox, other), /certificate/);
      (await sandbox.connect(other)).close();
    },
  );

  test('a tunnel ends with its sandbox', { timeout: 20_000 }, async () => {
    const sandbox = await rig.sandbox({}, { network });
    const through = await connectUnopened(sandbox, other);
    await rig.server.client.sandboxes.remove(sandbox.id);
    await through.reader.closed;
  });

  test('large bodies go both ways whole, at the pace of the slower side', async () => {
    const sandbox = await rig.sandbox({}, { network });
    const size = 2 ** 21;
    rig.answer('/large', async ({ body }) => {
      const { content } = await body;
      return chunked(Array.from({ length: 64 }, () => content.subarray(0, size / 64).toString('latin1')));
    });
    const through = await connectUnopened(sandbox, other);
    through.send(`POST /large HTTP/1.1\r\nHost: ${other}\r\nContent-Length: ${size}\r\n\r\n`);
    through.send(Buffer.alloc(size, 'a'));
    const response = await through.response();
    assert.equal(response.body.content.length, size);
    through.close();
    const row = await rows.only(sandbox.id);
    assert.ok((row.bytesSent ?? 0) > size && (row.bytesRecv ?? 0) > size);
  });
});
