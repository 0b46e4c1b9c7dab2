import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues, readBytes, readHead } from '../support/http-bytes.ts';
import { startPlainUpstream } from '../support/plain-upstream.ts';
import type { PlainUpstream } from '../support/plain-upstream.ts';
import { waitUntil } from '../support/processes.ts';
import { connectPlain, openTunnel } from '../support/proxy-client.ts';
import { sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

const host = 'api.example.com';
const plainHost = 'plain.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let plain: PlainUpstream;
const upstreamSockets: TLSSocket[] = [];

before(async () => {
  plain = await startPlainUpstream();
  rig = await startEgressRig({
    names: [host],
    also: { [`${plainHost}:80`]: plain.port },
    onConnection: (socket) => void upstreamSockets.push(socket),
  });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host, plainHost] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  await rig?.stop();
  await plain?.stop();
});

function get(path: string, ...lines: string[]): string {
  return [`GET ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');
}

const credential = () => `Authorization: Bearer ${sandbox.standIn('KEY')}`;

describe('pipelined requests', () => {
  test('are answered in their order, each judged by itself', async () => {
    const connection = await sandbox.connect(host);
    rig.answer('/slow', async () => {
      await waitUntil(() => rig.requestsFor('/slow').length === 1, { what: 'it' });
      return sized(200, 'slow');
    });
    rig.answer('/fast', () => sized(200, 'fast'));
    const post = `POST /fast HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\nGET `;
    connection.send(get('/slow') + get('/refused', `X-Note: ${sandbox.standIn('KEY')}`) + post + get('/fast'));
    const answers: string[] = [];
    for (let index = 0; index < 4; index++) {
      const response = await connection.response();
      answers.push(response.header('x-standin-error') ?? response.body.content.toString());
    }
    assert.deepEqual(answers, ['slow', 'credential_host_mismatch', 'fast', 'fast']);
    assert.equal(rig.requestsFor('/refused').length, 0);
    connection.close();
  });

  test('reach the upstream one after the other', async () => {
    const connection = await sandbox.connect(host);
    const gate = Promise.withResolvers<void>();
    rig.answer('/one', async () => {
      await gate.promise;
      return sized(200);
    });
    connection.send(get('/one') + get('/two'));
    await waitUntil(() => rig.requestsFor('/one').length === 1, { what: 'the first' });
    assert.equal(rig.requestsFor('/two').length, 0);
    gate.resolve();
    await connection.response();
    await connection.response();
    assert.equal(rig.requestsFor('/two').length, 1);
    connection.close();
  });

  test('after a malformed one are not read', async () => {
    const connection = await sandbox.connect(host);
    connection.send(`GET /bad HTTP/1.1\r\nHost: ${host}\r\nX : y\r\n\r\n${get('/behind')}`);
    assert.equal((await connection.response()).status, 400);
    assert.equal((await connection.reader.toEnd()).length, 0);
    assert.equal(rig.requestsFor('/behind').length, 0);
  });

  test('behind a refused request are read only from its end, and one answer is all that it gets', async () => {
    const connection = await sandbox.connect(host);
    const refused = `POST /refused-body HTTP/1.1\r\nHost: ${host}\r\nX-Note: ${sandbox.standIn('KEY')}\r\n`;
    connection.send(`${refused}Transfer-Encoding: chunked\r\n\r\n5\r\nGET /`);
    assert.equal((await connection.response('POST')).status, 403);
    connection.send(`\r\n0\r\n\r\n${get('/after')}`);
    assert.equal((await connection.response()).status, 200);
    connection.send(`${refused}Transfer-Encoding: chunked\r\n\r\n5\r\nGET /`);
    assert.equal((await connection.response('POST')).status, 403);
    connection.send(`broken\r\n${get('/smuggled')}`);
    assert.equal((await connection.reader.toEnd()).toString(), '');
    assert.equal(rig.requestsFor('/smuggled').length, 0);
    const leaves = await sandbox.connect(host);
    leaves.send(`${refused}Content-Length: 10\r\n\r\n`);
    assert.equal((await leaves.response('POST')).status, 403);
    leaves.close();
    const last = await sandbox.connect(host);
    last.send(get('/last', `X-Note: ${sandbox.standIn('KEY')}`));
    await last.response();
    last.close();
    await rig.auditRow('key', ({ path }) => path === '/last');
    const rows = await rig.server.client.secrets.audit('key', { limit: 200 });
    const codes = rows.filter(({ path }) => path === '/refused-body').map((row) => row.error_code);
    assert.deepEqual(
      codes,
      [1, 2, 3].map(() => 'credential_host_mismatch'),
      'one row for each',
    );
  });
});

describe('connections are kept', () => {
  test('on both sides, for one request after the other', async () => {
    const own = await rig.sandbox();
    const connection = await own.connect(host);
    for (let index = 0; index < 3; index++) {
      connection.send(get('/kept'));
      await connection.response();
    }
    connection.close();
    assert.equal(new Set(rig.requestsFor('/kept').map((each) => each.connection.index)).size, 1);
  });

  test('until one side says close, and then the other side is kept if it can be', async () => {
    const own = await rig.sandbox();
    const connection = await own.connect(host);
    connection.send(get('/client-closes', 'Connection: close'));
    assert.equal((await connection.response()).header('connection'), 'close');
    assert.equal((await connection.reader.toEnd()).length, 0);
    const [request] = rig.requestsFor('/client-closes');
    assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'connection'), []);

    const again = await own.connect(host);
    rig.answer('/upstream-closes', () => ({ ...sized(200, 'bye', { Connection: 'close' }), close: 'end' }));
    again.send(get('/upstream-closes'));
    assert.equal((await again.response()).header('connection'), undefined);
    const [closing] = rig.requestsFor('/upstream-closes');
    assert.equal(closing?.connection.index, request?.connection.index, 'it was kept');
    again.send(get('/goes-on'));
    assert.equal((await again.response()).status, 200);
    assert.notEqual(rig.requestsFor('/goes-on')[0]?.connection.index, closing?.connection.index);
    again.close();
  });

  /** Uses a connection once, then has the upstream drop it when the next request comes, without a word. */
  async function staleConnection(path: string): Promise<Awaited<ReturnType<RigSandbox['connect']>>> {
    const own = await rig.sandbox();
    const connection = await own.connect(host);
    connection.send(get('/warm'));
    await connection.response();
    const first: Reply = { bytes: [], close: 'reset' };
    rig.answer(path, () => (rig.requestsFor(path).length === 1 ? first : sized(200, 'second')));
    return connection;
  }

  test('one that died while it was idle: GET is sent again, on a new one', async () => {
    const connection = await staleConnection('/stale-get');
    connection.send(get('/stale-get'));
    assert.equal((await connection.response()).body.content.toString(), 'second');
    assert.equal(rig.requestsFor('/stale-get').length, 2);
    connection.close();
  });

  test('one that died while it was idle: POST is not sent twice', async () => {
    const connection = await staleConnection('/stale-post');
    connection.send(`POST /stale-post HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\n\r\nx`);
    const response = await connection.response();
    assert.equal(response.status, 502);
    assert.equal(response.header('x-standin-error'), 'upstream_unreachable');
    assert.equal(rig.requestsFor('/stale-post').length, 1);
    connection.close();
  });

  test('a new one that dies without a word is not tried again', async () => {
    const own = await rig.sandbox();
    const connection = await own.connect(host);
    rig.answer('/dies', () => ({ bytes: [], close: 'reset' }));
    connection.send(get('/dies'));
    assert.equal((await connection.response()).status, 502);
    assert.equal(rig.requestsFor('/dies').length, 1);
    connection.close();
  });

  test('an idle one that speaks unasked is not used', async () => {
    const own = await rig.sandbox();
    const connection = await own.connect(host);
    connection.send(get('/quiet'));
    await connection.response();
    const index = rig.requestsFor('/quiet')[0]?.connection.index ?? -1;
    const idle = rig.upstream.connections[index];
    upstreamSockets[index]?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged');
    let closed = false;
    void idle?.closed.then(() => (closed = true));
    await waitUntil(() => closed, { what: 'the proxy to close it', withinMs: 5000 });
    connection.send(get('/asked'));
    assert.equal((await connection.response()).body.content.length, 0);
    connection.close();
  });
});

describe('a client that has said all', () => {
  test('gets its answer after its half of the connection is closed', async () => {
    const connection = await sandbox.connect(host);
    const gate = Promise.withResolvers<void>();
    rig.answer('/half', async () => {
      await gate.promise;
      return sized(200, 'whole');
    });
    connection.socket.end(get('/half'));
    await waitUntil(() => rig.requestsFor('/half').length === 1, { what: 'the request' });
    gate.resolve();
    assert.equal((await connection.response()).body.content.toString(), 'whole');
    assert.equal((await connection.reader.toEnd()).length, 0);
  });

  test('gets the answers to all that it asked before it closed its half', async () => {
    const connection = await sandbox.connect(host);
    for (const path of ['/first', '/second', '/third']) rig.answer(path, () => sized(200, path));
    connection.socket.end([get('/first'), get('/second'), get('/third')].join(''));
    for (const path of ['/first', '/second', '/third']) {
      assert.equal((await connection.response()).body.content.toString(), path);
    }
    assert.equal((await connection.reader.toEnd()).length, 0);
  });
});

describe('the proxy over TLS', () => {
  test('has a certificate of the CA for its address, and CONNECT inside works as without', async () => {
    const outer = connectTls({ port: rig.server.proxyPort, host: '127.0.0.1', ca: sandbox.ca });
    await new Promise<void>((resolve, reject) => outer.once('secureConnect', resolve).once('error', reject));
    outer.write(
      `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
    );
    const reader = readBytes(outer);
    assert.match((await readHead(reader)).startLine, / 200 /);
    outer.removeAllListeners('data');
    const inner = connectTls({ socket: outer, servername: host, ca: sandbox.ca });
    const innerReader = readBytes(inner);
    rig.answer('/twice', () => sized(200, 'x'.repeat(300_000)));
    inner.write(get('/twice', credential()));
    assert.match((await readHead(innerReader)).startLine, / 200 /);
    assert.equal((await innerReader.exactly(300_000)).length, 300_000);
    inner.destroy();
    outer.destroy();
  });

  test('takes absolute-form requests too', async () => {
    const outer = connectTls({ port: rig.server.proxyPort, host: '127.0.0.1', ca: sandbox.ca });
    const reader = readBytes(outer);
    outer.write(
      `GET http://${plainHost}/over-tls HTTP/1.1\r\nHost: ${plainHost}\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
    );
    assert.match((await readHead(reader)).startLine, / 200 /);
    outer.destroy();
  });
});

describe('cleartext', () => {
  const absolute = (path: string, ...lines: string[]) =>
    [
      `GET http://${plainHost}${path} HTTP/1.1`,
      `Host: ${plainHost}`,
      `Proxy-Authorization: ${sandbox.access.authorization}`,
      ...lines,
      '',
      '',
    ].join('\r\n');

  test('in absolute form passes without a credential, and without what was for the proxy', async () => {
    const connection = await connectPlain(sandbox.access);
    connection.send(absolute('/open?q=1', 'Proxy-Connection: keep-alive', 'X-A: b'));
    assert.equal((await connection.response()).body.content.toString(), 'plain');
    assert.equal(plain.heads.at(-1), `GET /open?q=1 HTTP/1.1\r\nHost: ${plainHost}\r\nX-A: b\r\n\r\n`);
    connection.send(absolute('/again'));
    assert.equal((await connection.response()).status, 200, 'and the connection goes on');
    connection.close();
  });

  test('carries no credential, whether asked in absolute form or through CONNECT', async () => {
    const seen = plain.heads.length;
    const connection = await connectPlain(sandbox.access);
    connection.send(absolute('/secret', credential()));
    assert.equal((await connection.response()).header('x-standin-error'), 'credential_host_mismatch');
    connection.close();
    const tunnel = await openTunnel(sandbox.access, `${plainHost}:80`);
    const reader = readBytes(tunnel);
    tunnel.write(`GET /secret HTTP/1.1\r\nHost: ${plainHost}\r\n${credential()}\r\n\r\n`);
    assert.match((await readHead(reader)).startLine, / 403 /);
    tunnel.destroy();
    assert.equal(plain.heads.length, seen);
  });

  test('to an address that is not public is refused by the guard', async () => {
    const connection = await connectPlain(sandbox.access);
    for (const address of ['127.0.0.1', '[::1]', '169.254.169.254', '[::ffff:10.0.0.1]']) {
      connection.send(
        `GET http://${address}/ HTTP/1.1\r\nHost: ${address}\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
      );
      assert.equal((await connection.response()).header('x-standin-error'), 'host_denied', address);
    }
    connection.close();
  });
});
