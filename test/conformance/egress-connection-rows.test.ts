import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { RowReader } from '../support/connection-rows.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { connectPlain, openTunnel, proxyAuthorization } from '../support/proxy-client.ts';
import { freePort } from '../support/ports.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { sized } from '../support/replies.ts';

const api = 'api.example.com';
const other = 'www.example.org';
const dead = 'dead.example.net';
let rig: EgressRig;
let rows: RowReader;

before(async () => {
  rig = await startEgressRig({ names: [api, other], also: { [`${dead}:443`]: await freePort() } });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [api] });
  rows = await RowReader.open(rig);
});
after(async () => {
  await rows?.close();
  await rig?.stop();
});

/** A request in absolute form for `https://host`, as a client sends it to a proxy. */
function absolute(sandbox: RigSandbox, host: string, path = '/'): string {
  return [
    `GET https://${host}${path} HTTP/1.1`,
    `Host: ${host}`,
    `Proxy-Authorization: ${sandbox.access.authorization}`,
    '',
    '',
  ].join('\r\n');
}

describe('one row a connection and host', () => {
  test('requests in absolute form to several hosts on one connection leave one for each, with its own bytes', async () => {
    const sandbox = await rig.sandbox();
    rig.answer('/big', () => sized(200, 'x'.repeat(30_000)));
    const connection = await connectPlain(sandbox.access);
    for (const [host, path] of [
      [api, '/big'],
      [other, '/'],
      [api, '/'],
      [other, '/'],
    ] as const) {
      connection.send(absolute(sandbox, host, path));
      assert.equal((await connection.response()).status, 200);
    }
    connection.close();
    const found = (await rows.expect(sandbox.id, 2)).toSorted((a, b) => a.host.localeCompare(b.host));
    assert.deepEqual(
      found.map(({ host, verdict, dstIp, dstPort }) => [host, verdict, dstIp, dstPort]),
      [
        [api, 'allowed', '127.0.0.1', 443],
        [other, 'allowed', '127.0.0.1', 443],
      ],
    );
    assert.ok((found[0]?.bytesRecv ?? 0) > 30_000);
    assert.ok((found[1]?.bytesRecv ?? 0) < 5000);
    for (const { bytesSent } of found) assert.ok((bytesSent ?? 0) > 100 && (bytesSent ?? 0) < 2000);
  });

  test('a hundred refused requests on one connection leave one, by the rule that refused them', async () => {
    const sandbox = await rig.sandbox({}, { network: { allow_out: [api] } });
    const connection = await connectPlain(sandbox.access);
    for (let count = 0; count < 100; count++) {
      connection.send(absolute(sandbox, other));
      assert.equal((await connection.response()).status, 403);
    }
    connection.close();
    const row = await rows.only(sandbox.id);
    assert.deepEqual([row.host, row.verdict, row.matchRule], [other, 'blocked', null]);
    assert.ok((row.bytesSent ?? 0) > 10_000);
  });

  test('an upstream that cannot be reached is failed; once one was, the connection is allowed', async () => {
    const sandbox = await rig.sandbox();
    const failing = await sandbox.connect(dead);
    failing.send(`GET / HTTP/1.1\r\nHost: ${dead}\r\n\r\n`);
    assert.equal((await failing.response()).status, 502);
    failing.close();
    assert.equal((await rows.only(sandbox.id)).verdict, 'failed');
    const mixed = await rig.sandbox({ KEY: 'key' });
    const connection = await mixed.connect(api);
    connection.send(`GET / HTTP/1.1\r\nHost: ${api}\r\nX-Stray: ${mixed.standIn('KEY')}\r\n\r\n`);
    assert.equal((await connection.response()).status, 403);
    connection.send(`GET / HTTP/1.1\r\nHost: ${api}\r\n\r\n`);
    assert.equal((await connection.response()).status, 200);
    connection.close();
    const row = await rows.only(mixed.id);
    assert.deepEqual([row.verdict, row.matchRule], ['allowed', null]);
  });
});

describe('a connection that came to nothing has a row that says why', () => {
  /** What the only row of a new sandbox says after `use`. */
  async function said(use: (sandbox: RigSandbox) => Promise<void>): Promise<unknown[]> {
    const sandbox = await rig.sandbox({ KEY: 'key' });
    await use(sandbox);
    const row = await rows.only(sandbox.id);
    assert.equal(row.host, api);
    assert.equal(row.dstPort, 443);
    return [row.verdict, row.matchRule];
  }

  test('every request on it was refused', async () => {
    const refused = await said(async (sandbox) => {
      const connection = await sandbox.connect(api);
      connection.send(`GET / HTTP/1.1\r\nHost: ${api}\r\nX-Stray: ${sandbox.standIn('KEY')}\r\n\r\n`);
      assert.equal((await connection.response()).status, 403);
      connection.close();
    });
    assert.deepEqual(refused, ['blocked', 'credential_host_mismatch']);
  });

  test('names that disagree', async () => {
    const misdirected = await said(async (sandbox) => {
      const connection = await sandbox.connect(api, { serverName: other });
      connection.send(`GET / HTTP/1.1\r\nHost: ${other}\r\n\r\n`);
      assert.equal((await connection.response()).status, 421);
      connection.close();
    });
    assert.deepEqual(misdirected, ['blocked', 'misdirected_request']);
  });

  test('no request that could be read', async () => {
    const unread = await said(async (sandbox) => {
      const connection = await sandbox.connect(api);
      connection.send('GET  / HTTP/1.1\r\n\r\n');
      assert.equal((await connection.response()).status, 400);
      connection.close();
    });
    assert.deepEqual(unread, ['blocked', 'bad_request']);
  });

  test('no request at all', async () => {
    const unused = await said(async (sandbox) => {
      const connection = await sandbox.connect(api);
      // The ticket that follows the handshake: then the other side has seen its end, too.
      await once(connection.socket, 'session');
      connection.close();
    });
    assert.deepEqual(unused, ['failed', 'no request']);
  });

  test('a client that does not trust our certificate', { skip: skipWithout('curl') }, async () => {
    const failed = await said(async ({ access }) => {
      const proxy = `http://127.0.0.1:${access.port}`;
      const header = `Proxy-Authorization: ${access.authorization}`;
      const { code } = await runProgram('curl', ['-s', '-x', proxy, '--proxy-header', header, `https://${api}/`]);
      assert.equal(code, 60, 'the certificate did not verify');
    });
    assert.deepEqual(failed, ['failed', 'TLS failed: ERR_SSL_TLSV1_ALERT_UNKNOWN_CA']);
  });

  test('a client that goes away in the middle of the handshake, at once', async () => {
    const failed = await said(async (sandbox) => {
      const socket = await openTunnel(sandbox.access, `${api}:443`);
      const tls = connectTls({ socket, servername: api, ca: rig.authority.certPem });
      await assert.rejects(once(tls, 'secureConnect'));
    });
    assert.deepEqual(failed, ['failed', 'TLS failed: the client went away']);
  });

  test('a ClientHello that is none', async () => {
    const failed = await said(async (sandbox) => {
      const socket = await openTunnel(sandbox.access, `${api}:443`);
      socket.write(Buffer.from('160301000501000001ff', 'hex'));
      const [alert] = await once(socket, 'data');
      assert.deepEqual(alert, Buffer.from('15030300020232', 'hex'));
      socket.destroy();
    });
    assert.deepEqual(failed, ['failed', 'TLS failed: a cut ClientHello']);
  });

  test('a protocol that is neither HTTP nor TLS: nothing is answered', async () => {
    const refused = await said(async (sandbox) => {
      const socket = await openTunnel(sandbox.access, `${api}:443`);
      const received: Buffer[] = [];
      socket.on('data', (bytes: Buffer) => received.push(bytes));
      socket.on('error', () => undefined);
      const closed = once(socket, 'close');
      socket.write('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n');
      await closed;
      assert.equal(Buffer.concat(received).length, 0);
    });
    assert.deepEqual(refused, ['blocked', 'not HTTP or TLS']);
  });

  test('HTTP/2 by prior knowledge: GOAWAY asks for HTTP/1.1', async () => {
    const refused = await said(async (sandbox) => {
      const socket = await openTunnel(sandbox.access, `${api}:443`);
      const received: Buffer[] = [];
      socket.on('data', (bytes: Buffer) => received.push(bytes));
      const ended = once(socket, 'end');
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
      await ended;
      const bytes = Buffer.concat(received);
      assert.equal(bytes.subarray(0, 9).toString('hex'), '000000040000000000', 'SETTINGS (RFC 9113 section 6.5)');
      assert.equal(bytes[12], 7, 'GOAWAY (RFC 9113 section 6.8)');
      assert.equal(bytes.readUInt32BE(9 + 9 + 4), 0xd, 'HTTP_1_1_REQUIRED (RFC 9113 section 7)');
      socket.destroy();
    });
    assert.deepEqual(refused, ['blocked', 'HTTP/2 without TLS']);
  });

  test('HTTP/2 where TLS agreed on HTTP/1.1: GOAWAY asks for that', async () => {
    const refused = await said(async (sandbox) => {
      const socket = await openTunnel(sandbox.access, `${api}:443`);
      const tls = connectTls({ socket, servername: api, ca: sandbox.ca, ALPNProtocols: ['h2', 'http/1.1'] });
      await once(tls, 'secureConnect');
      assert.equal(tls.alpnProtocol, 'http/1.1');
      const client = connectHttp2(`https://${api}`, { createConnection: () => tls });
      client.on('error', () => undefined);
      const [code, , reason]: unknown[] = await once(client, 'goaway');
      assert.equal(code, 0xd, 'HTTP_1_1_REQUIRED (RFC 9113 section 7)');
      assert.equal(String(reason), 'HTTP/2 where HTTP/1.1 was agreed is not spoken here');
      client.destroy();
    });
    assert.deepEqual(refused, ['blocked', 'HTTP/2 where HTTP/1.1 was agreed']);
  });

  test('HTTP/2 after a request of HTTP/1.1 is a request that is none', async () => {
    const sandbox = await rig.sandbox();
    const connection = await sandbox.connect(api);
    connection.send(`GET / HTTP/1.1\r\nHost: ${api}\r\n\r\n`);
    assert.equal((await connection.response()).status, 200);
    connection.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    assert.equal((await connection.response()).status, 505);
    connection.close();
  });

  test('a client that says nothing', async () => {
    const silent = await said(async (sandbox) => void (await openTunnel(sandbox.access, `${api}:443`)).destroy());
    assert.deepEqual(silent, ['failed', 'not HTTP or TLS: too little came']);
  });
});

describe('a connection of somebody who is not known', () => {
  test('is put down to the sandbox that it claims to be, first and when it is held back, and no more', async () => {
    const sandbox = await rig.sandbox();
    for (let guess = 0; guess < 25; guess++) {
      const connection = await connectPlain(sandbox.access);
      const authorization = proxyAuthorization(sandbox.id, `guess-${guess}`);
      connection.send(
        `CONNECT ${api}:443 HTTP/1.1\r\nHost: ${api}:443\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
      );
      assert.match(String((await connection.response('CONNECT')).status), /^4(07|29)$/);
      connection.close();
    }
    const found = await rows.expect(sandbox.id, 2);
    assert.deepEqual(
      found.map(({ host, verdict, matchRule }) => [host, verdict, matchRule]),
      [
        [api, 'blocked', 'proxy_auth_required'],
        [api, 'blocked', 'rate_limited'],
      ],
    );
  });

  test('is put down by the place that a request in absolute form names', async () => {
    const sandbox = await rig.sandbox();
    const connection = await connectPlain(sandbox.access);
    const authorization = proxyAuthorization(sandbox.id, 'a guess');
    connection.send(`GET http://${api}/ HTTP/1.1\r\nHost: ${api}\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
    assert.equal((await connection.response()).status, 407);
    connection.close();
    const row = await rows.only(sandbox.id);
    assert.deepEqual([row.host, row.dstPort, row.matchRule], [api, 80, 'proxy_auth_required']);
  });

  test('is that of a deleted sandbox: the row says so', async () => {
    const sandbox = await rig.sandbox();
    await rig.server.client.sandboxes.remove(sandbox.id);
    await assert.rejects(sandbox.connect(api), /sandbox_revoked/);
    assert.equal((await rows.only(sandbox.id)).matchRule, 'sandbox_revoked');
  });
});
