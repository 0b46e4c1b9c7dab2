import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { frameFlag, frameType } from '../../src/egress/wire/http2/protocol.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';
import { openFrameConnection } from '../support/http2-frames.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { chunked, interim, sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';
import { block, frame } from '../unit/egress/http2/frames.ts';

/**
 * Row 16: an upstream tells of other ways to reach it, over QUIC or at another host and port. No client is told of them:
 * it would leave the proxy for them, or fail where it tries.
 */
const searched = 'api.example.com';
const unsearched = 'www.example.org';
const http2Host = 'grpc.example.com';
const elsewhere = 'h3=":443"; ma=86400, h2="evil.example.net:443"';
let rig: EgressRig;
let sandbox: RigSandbox;
let http2Upstream: Http2SecureServer;

before(async () => {
  http2Upstream = createSecureServer({ allowHTTP1: false });
  http2Upstream.on('stream', serve);
  const port = await listenOnLoopback(http2Upstream);
  rig = await startEgressRig({ names: [searched, unsearched], also: { [`${http2Host}:443`]: port } });
  const { certPem, keyPem } = rig.authority.issue([http2Host]);
  http2Upstream.setSecureContext({ cert: certPem, key: keyPem });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [searched, http2Host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  await rig?.stop();
  http2Upstream?.close();
});

/** ALTSVC for the origin and for this answer, ORIGIN for more names, and Alt-Svc as a field of all there is. */
function serve(stream: ServerHttp2Stream, asked: IncomingHttpHeaders): void {
  stream.on('error', () => undefined);
  const session = stream.session;
  const more = asked[':path'] === '/trailer' ? { 'alt-svc': elsewhere } : {};
  assert.ok(session !== undefined && isServerSession(session));
  session.altsvc(elsewhere, `https://${http2Host}`);
  session.altsvc(elsewhere, stream.id ?? 0);
  session.origin('https://evil.example.net');
  stream.additionalHeaders({ ':status': 103, 'alt-svc': elsewhere, link: '</a>; rel=preload' });
  stream.respond({ ':status': 200, 'alt-svc': elsewhere, 'x-kept': '1' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1', ...more }));
  stream.end('content');
}

function isServerSession(session: object): session is ServerHttp2Session {
  return 'altsvc' in session;
}

const lines = { 'Alt-Svc': elsewhere, 'ALT-SVC': 'clear', 'X-Kept': '1' };
const answers: Record<string, () => Reply> = {
  'an answer of known length': () => sized(200, 'content', lines),
  'an answer in chunks': () => chunked(['con', 'tent'], { headers: lines }),
  'an interim answer': () => interim(103, sized(200, 'content', { 'X-Kept': '1' }), lines),
  'an error': () => sized(503, 'content', lines),
};

for (const host of [searched, unsearched]) {
  describe(`of an upstream of HTTP/1.1 at a host that ${host === searched ? 'is' : 'is not'} searched`, () => {
    for (const [what, reply] of Object.entries(answers)) {
      it(`nothing in ${what} tells of another way, over HTTP/1.1 and HTTP/2`, async () => {
        rig.answer('/alternatives', reply);
        const connection = await sandbox.connect(host);
        connection.send(`GET /alternatives HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        let response = await connection.response();
        const heads = [response.head];
        while (response.status < 200) heads.push((response = await connection.response()).head);
        assert.deepEqual(headerValues(response.head, 'x-kept'), ['1']);
        assert.equal(response.body.content.toString(), 'content');
        for (const head of heads) assert.deepEqual(headerValues(head, 'alt-svc'), []);
        connection.close();

        const session = await openHttp2Session(sandbox, host);
        const { headers, body } = await askHttp2(session, { ':authority': host, ':path': '/alternatives' });
        assert.deepEqual([headers['x-kept'], headers['alt-svc'], body.toString()], ['1', undefined, 'content']);
        session.close();
      });
    }

    it('an answer with one in its trailers, where none belongs, is cut off before them', async () => {
      rig.answer('/trailer', () => chunked(['content'], { trailers: { 'Alt-Svc': elsewhere } }));
      const connection = await sandbox.connect(host);
      connection.send(`GET /trailer HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      await connection.reader.until('\r\n\r\n');
      assert.doesNotMatch((await connection.reader.toEnd()).toString(), /alt-svc|\r\n0\r\n/i);
      const session = await openHttp2Session(sandbox, host);
      await assert.rejects(askHttp2(session, { ':authority': host, ':path': '/trailer' }), /INTERNAL_ERROR/);
      session.close();
    });
  });
}

it('nothing in the answer to a WebSocket handshake tells of another way', async () => {
  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade';
  rig.answer('/socket', () => ({
    bytes: [`HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\nAlt-Svc: ${elsewhere}\r\n\r\n`],
  }));
  const connection = await sandbox.connect(unsearched);
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13';
  connection.send(`GET /socket HTTP/1.1\r\nHost: ${unsearched}\r\n${upgrade}\r\n${key}\r\n\r\n`);
  const response = await connection.response();
  assert.deepEqual([response.status, headerValues(response.head, 'alt-svc')], [101, []]);
  connection.close();
});

describe('of an upstream of HTTP/2', () => {
  it('no ALTSVC or ORIGIN frame goes on to a client of HTTP/2, and no field of that meaning', async () => {
    const session = await openHttp2Session(sandbox, http2Host);
    const told: string[] = [];
    session.on('altsvc', (alternative) => told.push(alternative));
    session.on('origin', (origins) => told.push(...origins));
    for (let round = 0; round < 3; round++) {
      const { headers, trailers, body } = await askHttp2(session, { ':authority': http2Host, ':path': '/' });
      assert.deepEqual([headers['x-kept'], body.toString(), trailers['x-sum']], ['1', 'content', '1']);
      assert.equal(headers['alt-svc'], undefined);
    }
    await assert.rejects(askHttp2(session, { ':authority': http2Host, ':path': '/trailer' }), /INTERNAL_ERROR/);
    assert.deepEqual(told, []);
    session.close();
    await once(session, 'close');
  });

  it('nothing but frames that a plain answer needs is sent', async () => {
    const connection = await openFrameConnection(sandbox, http2Host);
    for (const id of [1, 3]) {
      const payload = block([
        [':method', 'GET'],
        [':scheme', 'https'],
        [':authority', http2Host],
        [':path', '/'],
      ]);
      connection.send(frame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, { id, payload }));
      const answer = await connection.answer(id);
      assert.ok(answer !== 'reset');
      assert.deepEqual([answer['x-kept'], answer['alt-svc']], ['1', undefined]);
    }
    const plain = new Set<number>([frameType.settings, frameType.headers, frameType.data, frameType.windowUpdate]);
    assert.deepEqual(
      [...connection.types].filter((type) => !plain.has(type)),
      [],
    );
    connection.close();
  });

  it('nothing goes on to a client of HTTP/1.1', async () => {
    const connection = await sandbox.connect(http2Host);
    connection.send(`GET / HTTP/1.1\r\nHost: ${http2Host}\r\n\r\n`);
    let response = await connection.response();
    while (response.status < 200) {
      assert.deepEqual(headerValues(response.head, 'alt-svc'), []);
      response = await connection.response();
    }
    assert.deepEqual(headerValues(response.head, 'alt-svc'), []);
    assert.deepEqual(response.body.trailers, [['x-sum', '1']]);
    connection.close();
  });
});
