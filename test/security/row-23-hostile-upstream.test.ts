import assert from 'node:assert/strict';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer } from 'node:http2';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { workerMemory } from '../support/worker-memory.ts';

/** Row 23: an upstream that the attacker owns makes a worker neither dial for ever nor hold what nobody reads. */
const host = 'api.example.com';
const full = 'full.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let upstream: Http2SecureServer;
let sessions = 0;

before(async () => {
  upstream = createSecureServer({ allowHTTP1: false, settings: { maxConcurrentStreams: 0 } });
  upstream.on('session', () => (sessions += 1));
  const port = await listenOnLoopback(upstream);
  rig = await startEgressRig({
    names: [host],
    also: { [`${full}:443`]: port },
    server: { env: { STANDIN_EGRESS_WORKERS: '1' } },
  });
  const certificate = rig.authority.issue([full]);
  upstream.setSecureContext({ cert: certificate.certPem, key: certificate.keyPem });
  sandbox = await rig.sandbox();
});
after(async () => {
  await rig?.stop();
  upstream?.close();
});

test('an upstream of HTTP/2 that allows no stream is asked a few times, then the client is told', async () => {
  const connection = await sandbox.connect(full);
  connection.send(`GET / HTTP/1.1\r\nHost: ${full}\r\n\r\n`);
  assert.equal((await connection.response()).status, 502);
  assert.ok(sessions < 20, `${sessions} connections`);
  connection.close();
});

test('interim answers without end that the client does not read are no memory of the worker', async () => {
  const early = `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(8000)}>\r\n\r\n`.repeat(16);
  rig.answer('/early', () => ({
    bytes: (function* bytes() {
      for (let count = 0; count < 2000; count++) yield early;
    })(),
  }));
  const connection = await sandbox.connect(host);
  const start = workerMemory(rig.server);
  connection.send(`GET /early HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  connection.socket.pause();
  await rig.upstream.requests.at(-1)?.connection.closed;
  while (rig.requestsFor('/early').length === 0) await new Promise((resolve) => setImmediate(resolve));
  await rig.requestsFor('/early')[0]?.connection.closed;
  assert.ok(workerMemory(rig.server) - start < 100 * 1024 * 1024);
  connection.close();
});
