import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { waitUntil } from '../support/processes.ts';
import { openHttp2Session } from '../support/http2-client.ts';
import type { Reply } from '../support/replies.ts';

/** Row 7: what is under way with a credential ends within a second when that is revoked; anything else goes on. */
const host = 'api.example.com';
let rig: EgressRig;
let count = 0;

before(async () => {
  rig = await startEgressRig({ names: [host] });
});
after(async () => {
  await rig?.stop();
});

async function boundSandbox(): Promise<{ sandbox: RigSandbox; name: string }> {
  const name = `key-${++count}`;
  await rig.secret({ name, auth: { type: 'bearer' }, hosts: [host] });
  return { sandbox: await rig.sandbox({ KEY: name }), name };
}

/** An answer that begins and does not end. */
const endless = (head: string): Reply => ({
  bytes: (async function* bytes() {
    yield head;
    await new Promise(() => undefined);
  })(),
});

const bearer = (sandbox: RigSandbox) => `Authorization: Bearer ${sandbox.standIn('KEY')}`;
const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n';
const webSocketHead = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';

/** Milliseconds from the change until `ended`. */
async function timeToEnd(change: () => Promise<unknown>, ended: Promise<unknown>): Promise<number> {
  await change();
  const start = performance.now();
  await ended;
  return performance.now() - start;
}

describe('a stream of an answer', () => {
  it('ends when its secret is deleted, and the audit trail says why', async () => {
    const { sandbox, name } = await boundSandbox();
    const connection = await sandbox.connect(host);
    rig.answer('/stream', () => endless(chunkedHead));
    connection.send(`GET /stream HTTP/1.1\r\nHost: ${host}\r\n${bearer(sandbox)}\r\n\r\n`);
    await connection.reader.until('first');
    const ended = connection.reader.toEnd();
    const took = await timeToEnd(() => rig.server.client.secrets.remove(name), ended);
    assert.ok(took < 1000, `${took} ms`);
    await waitUntil(() => rig.requestsFor('/stream').length === 1, { what: 'the request' });
    await rig.requestsFor('/stream')[0]?.connection.closed;
  });

  it('ends when its variable is detached', async () => {
    const { sandbox } = await boundSandbox();
    const connection = await sandbox.connect(host);
    rig.answer('/detached', () => endless(chunkedHead));
    connection.send(`GET /detached HTTP/1.1\r\nHost: ${host}\r\n${bearer(sandbox)}\r\n\r\n`);
    await connection.reader.until('first');
    const ended = connection.reader.toEnd();
    assert.ok((await timeToEnd(() => rig.server.client.sandboxes.detach(sandbox.id, 'KEY'), ended)) < 1000);
  });

  it('goes on when its secret is rotated, or when it never had one', async () => {
    const { sandbox, name } = await boundSandbox();
    const gate = Promise.withResolvers<void>();
    rig.answer('/rotated', () => ({
      bytes: (async function* bytes() {
        yield chunkedHead;
        await gate.promise;
        yield '4\r\nlast\r\n0\r\n\r\n';
      })(),
    }));
    const [own, bare] = [await sandbox.connect(host), await sandbox.connect(host)];
    own.send(`GET /rotated HTTP/1.1\r\nHost: ${host}\r\n${bearer(sandbox)}\r\n\r\n`);
    bare.send(`GET /rotated HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await Promise.all([own.reader.until('first'), bare.reader.until('first')]);
    await rig.server.client.secrets.rotate(name, 'another-value-0123456789');
    gate.resolve();
    await Promise.all([own.reader.until('last'), bare.reader.until('last')]);
    own.close();
    bare.close();
  });
});

describe('a WebSocket', () => {
  it('ends when its secret is deleted', async () => {
    const { sandbox, name } = await boundSandbox();
    const connection = await sandbox.connect(host);
    rig.answer('/socket', () => endless(webSocketHead));
    connection.send(
      `GET /socket HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${bearer(sandbox)}\r\n\r\n`,
    );
    assert.equal((await connection.response()).status, 101);
    const ended = connection.reader.toEnd();
    assert.ok((await timeToEnd(() => rig.server.client.secrets.remove(name), ended)) < 1000);
  });
});

describe('an upload', () => {
  it('ends when its secret is deleted', async () => {
    const { sandbox, name } = await boundSandbox();
    const connection = await sandbox.connect(host);
    connection.send(
      `PUT /upload HTTP/1.1\r\nHost: ${host}\r\n${bearer(sandbox)}\r\nContent-Length: 1000000\r\n\r\nbeginning`,
    );
    await waitUntil(() => rig.requestsFor('/upload').length === 1, { what: 'the request' });
    const ended = connection.reader.toEnd();
    assert.ok((await timeToEnd(() => rig.server.client.secrets.remove(name), ended)) < 1000);
    await rig.requestsFor('/upload')[0]?.connection.closed;
  });
});

describe('a stream of HTTP/2', () => {
  it('ends when its secret is deleted, and the others of its connection go on', async () => {
    const { sandbox, name } = await boundSandbox();
    const client = await openHttp2Session(sandbox, host);
    rig.answer('/h2', () => endless(chunkedHead));
    const stream = client.request({
      ':authority': host,
      ':path': '/h2',
      authorization: `Bearer ${sandbox.standIn('KEY')}`,
    });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('data', resolve));
    stream.resume();
    const ended = new Promise((resolve) => stream.once('close', resolve));
    assert.ok((await timeToEnd(() => rig.server.client.secrets.remove(name), ended)) < 1000);
    const next = client.request({ ':authority': host, ':path': '/next' });
    const status = await new Promise((resolve) => next.once('response', (fields) => resolve(fields[':status'])));
    assert.equal(status, 200);
    client.destroy();
  });
});
