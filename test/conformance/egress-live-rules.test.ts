import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { openHttp2Session } from '../support/http2-client.ts';
import { waitUntil } from '../support/processes.ts';
import { connectThroughProxy } from '../support/proxy-client.ts';
import { sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

/** Rules that are changed while connections are open: what they forbid ends within a second, what they allow goes on. */
const host = 'api.example.com';
const other = 'other.example.com';
let rig: EgressRig;
before(async () => {
  const env = { STANDIN_EGRESS_ALLOW_PRIVATE: '127.0.0.0/8' };
  rig = await startEgressRig({ names: [host, other], server: { env } });
  rig.answer('/endless', (): Reply => ({
    bytes: endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n'),
  }));
  rig.answer('/socket', (): Reply => ({
    bytes: endless('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
  }));
  rig.answer('/quick', () => sized(200, 'quick'));
});
after(() => rig?.stop());

async function* endless(head: string): AsyncGenerator<string> {
  yield head;
  await new Promise(() => undefined);
}

const forbid = (sandbox: RigSandbox, network: object = { allow_out: [other] }) =>
  rig.server.client.sandboxes.update(sandbox.id, { network });
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

async function endsWithin(ended: Promise<unknown>, change: Promise<unknown>): Promise<void> {
  await change;
  const start = performance.now();
  await ended;
  const took = performance.now() - start;
  assert.ok(took < 1000, `${took} ms`);
}

for (const [how, network] of [
  ['by its name', { allow_out: [other] }],
  ['by the address that was dialled', { deny_out: ['127.0.0.0/8'] }],
] as const) {
  describe(`a host that the rules forbid now, ${how}`, () => {
    it('loses an answer that is under way, and the log says why', async () => {
      const sandbox = await rig.sandbox();
      const connection = await sandbox.connect(host);
      connection.send(get('/endless'));
      await connection.reader.until('first');
      await endsWithin(connection.reader.toEnd(), forbid(sandbox, network));
      await waitUntil(
        async () => {
          const { data } = await rig.server.client.sandboxes.network(sandbox.id);
          return data.some(({ kind, error_code: code }) => kind === 'request' && code === 'host_denied');
        },
        { what: 'the row' },
      );
    });

    it('loses a WebSocket', async () => {
      const sandbox = await rig.sandbox();
      const connection = await sandbox.connect(host);
      connection.send(
        get(
          '/socket',
          'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
        ),
      );
      await connection.reader.until('\r\n\r\n');
      await endsWithin(connection.reader.toEnd(), forbid(sandbox, network));
    });

    it('loses a tunnel that is not opened', async () => {
      const sandbox = await rig.sandbox({}, { network: { intercept: 'bound' } });
      const connection = await connectThroughProxy(sandbox.access, { host, ca: rig.authority.certPem });
      connection.send(get('/endless'));
      await connection.reader.until('first');
      await endsWithin(connection.reader.toEnd(), forbid(sandbox, network));
    });

    it('loses a stream of HTTP/2', async () => {
      const sandbox = await rig.sandbox();
      const session = await openHttp2Session(sandbox, host);
      try {
        const stream = session.request({ ':path': '/endless' });
        stream.on('error', () => undefined);
        const closed = new Promise((resolve) => stream.once('close', resolve));
        await new Promise((resolve) => stream.once('data', resolve));
        await endsWithin(closed, forbid(sandbox, network));
      } finally {
        session.destroy();
      }
    });

    // Where the operator says at which address a name is dialled, as in this test, it is not judged anew.
    if ('deny_out' in network) return;
    it('is refused on the next connection', async () => {
      const sandbox = await rig.sandbox();
      await forbid(sandbox, network);
      const refused = sandbox.connect(host).then((connection) => {
        connection.send(get('/quick'));
        return connection.response();
      });
      const status = await refused.then(
        (response) => response.status,
        () => 403,
      );
      assert.equal(status, 403);
    });
  });
}

it('a connection that waits for its next request ends where its host is forbidden now', async () => {
  const sandbox = await rig.sandbox();
  const connection = await sandbox.connect(host);
  connection.send(get('/quick'));
  assert.equal((await connection.response()).status, 200);
  const session = await openHttp2Session(sandbox, host);
  const closed = new Promise((resolve) => session.once('close', resolve));
  await endsWithin(Promise.all([connection.reader.toEnd(), closed]), forbid(sandbox));
});

it('what the new rules allow goes on', async () => {
  const sandbox = await rig.sandbox();
  const connection = await sandbox.connect(host);
  connection.send(get('/endless'));
  await connection.reader.until('first');
  const idle = await sandbox.connect(host);
  await forbid(sandbox, { allow_out: [host], deny_out: ['203.0.113.0/24'] });
  idle.send(get('/quick'));
  assert.equal((await idle.response()).status, 200);
  let over = false;
  void connection.reader.closed.then(() => (over = true));
  // Whatever is to be cut off is by the time that a second change has been heard of.
  await forbid(sandbox, { allow_out: [`*.example.com`] });
  const again = await sandbox.connect(host);
  again.send(get('/quick'));
  assert.equal((await again.response()).status, 200);
  assert.equal(over, false);
  connection.close();
});
