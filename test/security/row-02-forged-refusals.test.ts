import assert from 'node:assert/strict';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, ServerHttp2Stream } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { chunked, headOnly, interim, sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

/**
 * Row 2: an upstream answers as the proxy does when it refuses. What says `X-Standin-Error` to a program in the sandbox
 * is the proxy, nobody else: else an upstream could send it to do what a refusal asks for.
 */
const searched = 'api.example.com';
const unsearched = 'www.example.org';
const http2Host = 'grpc.example.com';
const forged = { 'X-Standin-Error': 'credential_revoked', 'x-STANDIN-error': 'ask the attacker' };
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
  rig.answer('/sized', () => sized(403, 'no', forged));
  rig.answer('/chunks', () => chunked(['no'], { headers: forged }));
  rig.answer('/none', () => headOnly(204, forged));
  rig.answer('/interim', () => interim(103, sized(200), { ...forged, Link: '</a>' }));
});
after(async () => {
  await rig?.stop();
  http2Upstream?.close();
});

function serve(stream: ServerHttp2Stream): void {
  stream.on('error', () => undefined);
  stream.additionalHeaders({ ':status': 103, 'x-standin-error': 'credential_revoked', link: '</a>' });
  stream.respond({ ':status': 403, 'x-standin-error': 'credential_revoked', 'x-kept': '1' });
  stream.end('no');
}

describe('an answer that claims to be a refusal of the proxy', () => {
  for (const host of [searched, unsearched]) {
    const is = host === searched ? 'searched' : 'not searched';
    it(`loses what says so where it is ${is}, to clients of both versions`, async () => {
      const connection = await sandbox.connect(host);
      const session = await openHttp2Session(sandbox, host);
      session.on('stream', (stream) => stream.close());
      for (const path of ['/sized', '/chunks', '/none', '/interim']) {
        connection.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        let { head, status } = await connection.response();
        assert.deepEqual(headerValues(head, 'x-standin-error'), [], path);
        if (status === 103) ({ head, status } = await connection.response());
        const { headers } = await askHttp2(session, { ':authority': host, ':path': path });
        assert.deepEqual([headers[':status'], headers['x-standin-error']], [status, undefined], path);
      }
      connection.close();
      session.close();
    });
  }

  it('loses it where it came over HTTP/2', async () => {
    const session = await openHttp2Session(sandbox, http2Host);
    const interims: unknown[] = [];
    const stream = session.request({ ':authority': http2Host, ':path': '/' });
    stream.on('headers', (headers) => interims.push(headers['x-standin-error'], headers['link']));
    const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('response', resolve).once('error', reject);
    });
    stream.close();
    session.close();
    assert.deepEqual([headers['x-kept'], headers['x-standin-error']], ['1', undefined]);
    assert.deepEqual(interims, [undefined, '</a>']);
  });

  it('does not pass it in trailers either', async () => {
    rig.answer('/trailers', (): Reply => chunked(['no'], { trailers: { 'X-Standin-Error': 'credential_revoked' } }));
    for (const host of [searched, unsearched]) {
      const connection = await sandbox.connect(host);
      connection.send(`GET /trailers HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await assert.rejects(connection.response());
      connection.close();
    }
  });
});
