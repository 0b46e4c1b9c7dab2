import assert from 'node:assert/strict';
import { createServer as createTcpServer } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { SecureVersion, Server } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { makeAuthority } from '../support/certificates.ts';
import type { ServerCertificate } from '../support/certificates.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { freePort, listenOnLoopback } from '../support/ports.ts';
import { isAlive, waitUntil, workerPids } from '../support/processes.ts';
import { connectPlain } from '../support/proxy-client.ts';
import type { ProxyAccess, RawConnection } from '../support/proxy-client.ts';
import { chunked, sized } from '../support/replies.ts';
import { startStandin } from '../support/standin-server.ts';

const host = 'api.example.com';

function get(path: string, sandbox?: RigSandbox, name = host): string {
  const credential = sandbox === undefined ? '' : `Authorization: Bearer ${sandbox.standIn('KEY')}\r\n`;
  return `GET ${path} HTTP/1.1\r\nHost: ${name}\r\n${credential}\r\n`;
}

/** A rig with one secret and a sandbox that has it. */
async function startWithKey(options: Partial<Parameters<typeof startEgressRig>[0]> = {}) {
  const rig = await startEgressRig({ names: [host], ...options });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  return { rig, sandbox: await rig.sandbox({ KEY: 'key' }) };
}

/** An answer that begins at once and ends when `finish` is called. */
function heldAnswer(rig: EgressRig, path: string): { finish: () => void } {
  const gate = Promise.withResolvers<void>();
  rig.answer(path, () =>
    chunked(
      (async function* parts() {
        yield 'begun';
        await gate.promise;
        yield 'finished';
      })(),
    ),
  );
  return { finish: gate.resolve };
}

/** Between one worker's close and the last one's a connection may still be taken. */
async function isRefused(access: ProxyAccess): Promise<boolean> {
  try {
    const connection = await connectPlain(access);
    connection.close();
    return false;
  } catch (error) {
    assert.match(String(error), /ECONNREFUSED|ECONNRESET/);
    return true;
  }
}

async function begin(connection: RawConnection, request: string): Promise<void> {
  connection.send(request);
  await connection.reader.until('begun\r\n');
}

describe('SIGTERM', () => {
  test('what is in flight ends well, nothing new begins, and every event is in the audit trail', async () => {
    const { rig, sandbox } = await startWithKey();
    try {
      const workers = workerPids(rig.server.program.pid);
      const busy = await sandbox.connect(host);
      const idle = await sandbox.connect(host);
      const { finish } = heldAnswer(rig, '/in-flight');
      const quick = 40;
      const burst = await sandbox.connect(host);
      burst.send(get('/quick', sandbox).repeat(quick));
      for (let index = 0; index < quick; index++) await burst.response();
      await begin(busy, get('/in-flight', sandbox));
      const stopped = rig.server.program.stop('SIGTERM', { graceMs: 20_000 });
      assert.equal((await idle.reader.toEnd()).length, 0, 'an idle connection is closed');
      await waitUntil(() => isRefused(sandbox.access), { what: 'the port to be closed' });
      finish();
      await busy.reader.until('finished\r\n0\r\n\r\n');
      assert.equal((await busy.reader.toEnd()).length, 0);
      assert.deepEqual(await stopped, { code: 0, signal: null });
      assert.ok(workers.length > 0 && !workers.some(isAlive), 'no worker is left');

      const again = await startStandin({ dataDir: rig.server.dataDir, apiKey: rig.server.apiKey });
      const rows = await again.client.secrets.audit('key', { limit: 200 });
      await again.stop();
      const paths = rows.map(({ path, status }) => `${path} ${status}`);
      assert.deepEqual(paths, ['/in-flight 200', ...Array.from({ length: quick }, () => '/quick 200')]);
    } finally {
      await rig.stop();
    }
  });
});

describe('kill -9 of a worker', () => {
  test('it is replaced, and connections of another worker do not notice', async () => {
    const { rig, sandbox } = await startWithKey({ server: { env: { STANDIN_EGRESS_WORKERS: '2' } } });
    try {
      const workers = workerPids(rig.server.program.pid);
      assert.equal(workers.length, 2);
      // Which worker a connection is at shows when it dies.
      const connections = await Promise.all(Array.from({ length: 16 }, () => sandbox.connect(host)));
      const ended = new Set<RawConnection>();
      for (const each of connections) void each.reader.closed.then(() => ended.add(each));
      const [victim = 0, survivor = 0] = workers;
      const at = performance.now();
      process.kill(victim, 'SIGKILL');
      await waitUntil(() => workerPids(rig.server.program.pid).length === 2 && !isAlive(victim), {
        what: 'another worker',
        withinMs: 5000,
      });
      for (const connection of connections.filter((each) => !ended.has(each))) {
        connection.send(get('/survives', sandbox));
        const response = await connection.response().catch(() => null);
        if (response !== null) assert.equal(response.status, 200);
        connection.close();
      }
      assert.ok(isAlive(survivor));
      const fresh = await sandbox.connect(host);
      fresh.send(get('/fresh', sandbox));
      assert.equal((await fresh.response()).status, 200);
      fresh.close();
      assert.ok(performance.now() - at < 5000);
    } finally {
      await rig.stop();
    }
  });

  test('with the only one dead, clients are refused or wait, and are served by the next', async () => {
    const { rig, sandbox } = await startWithKey();
    try {
      const [victim = 0] = workerPids(rig.server.program.pid);
      const cut = await sandbox.connect(host);
      heldAnswer(rig, '/cut');
      await begin(cut, get('/cut', sandbox));
      process.kill(victim, 'SIGKILL');
      assert.equal((await cut.reader.toEnd()).length, 0, 'what was in flight is cut off');
      let served = false;
      const attempt = async () => {
        try {
          const connection = await sandbox.connect(host);
          connection.send(get('/served', sandbox));
          served = (await connection.response()).status === 200;
          connection.close();
        } catch {
          served = false;
        }
        return served;
      };
      // How soon, the endurance run says: a machine that has too much to do starts nothing within a second.
      await waitUntil(attempt, { what: 'the replacement', withinMs: 5000 });
      const bytes = rig.requestsFor('/served')[0]?.head.bytes.toString() ?? '';
      assert.ok(!bytes.includes(sandbox.standIn('KEY')));
    } finally {
      await rig.stop();
    }
  });

  test('one that cannot listen is tried again until it can', async () => {
    const { rig, sandbox } = await startWithKey();
    const squatter = createTcpServer();
    try {
      const [victim = 0] = workerPids(rig.server.program.pid);
      process.kill(victim, 'SIGKILL');
      await waitUntil(() => takePort(squatter, rig.server.proxyPort), { what: 'the port to be free' });
      await rig.server.program.waitForOutput(/the port is taken/);
      await new Promise((resolve) => squatter.close(resolve));
      const attempt = async () => (await connectPlain(sandbox.access).catch(() => null)) !== null;
      await waitUntil(attempt, { what: 'the proxy to listen again' });
      const connection = await sandbox.connect(host);
      connection.send(get('/again', sandbox));
      assert.equal((await connection.response()).status, 200);
    } finally {
      if (squatter.listening) squatter.close();
      await rig.stop();
    }
  });
});

function takePort(server: ReturnType<typeof createTcpServer>, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('listening', () => resolve(true)).once('error', () => resolve(false));
    server.listen(port, '127.0.0.1');
  });
}

describe('kill -9 of the main process', () => {
  test('what is in flight ends well, nothing more is let through, and the workers end', async () => {
    const { rig, sandbox } = await startWithKey();
    try {
      const { pid } = rig.server.program;
      const workers = workerPids(pid);
      assert.equal(workers.length, 1);
      const busy = await sandbox.connect(host);
      const { finish } = heldAnswer(rig, '/orphan');
      await begin(busy, get('/orphan', sandbox) + get('/pipelined', sandbox));
      process.kill(pid, 'SIGKILL');
      await waitUntil(() => !isAlive(pid), { what: 'the main process to end' });
      await waitUntil(() => isRefused(sandbox.access), { what: 'new connections to be refused' });
      assert.ok(workers.every(isAlive), 'the worker has an answer to finish');
      finish();
      await busy.reader.until('finished\r\n0\r\n\r\n');
      assert.equal((await busy.reader.toEnd()).length, 0, 'what was pipelined is not begun');
      await waitUntil(() => !workers.some(isAlive), { what: 'the workers to end' });
      assert.equal(rig.requestsFor('/pipelined').length, 0);
    } finally {
      await rig.stop();
    }
  });
});

describe('an upstream that is not who it should be, or not there', () => {
  const servers: Server[] = [];
  const dead = 'dead.example.com';
  const noTls = 'no-tls.example.com';
  type Shown = ServerCertificate & { maxVersion?: SecureVersion };
  const certificates: Record<string, (rig: EgressRig) => Shown> = {
    'other-name.example.com': (rig) => rig.authority.issue([host]),
    // Its session is offered again by a client that forgets who it was checked for.
    'other-name-old-tls.example.com': (rig) => ({ ...rig.authority.issue([host]), maxVersion: 'TLSv1.2' }),
    'expired.example.com': (rig) => rig.authority.issue(['expired.example.com'], { days: -1 }),
    'unknown-ca.example.com': () => makeAuthority('Nobody').issue(['unknown-ca.example.com']),
    'wildcard-too-deep.example.com': (rig) => rig.authority.issue(['*.deep.wildcard-too-deep.example.com']),
    'old-protocol.example.com': (rig) => ({
      ...rig.authority.issue(['old-protocol.example.com']),
      maxVersion: 'TLSv1.1',
    }),
  };
  let rig: EgressRig;
  let sandbox: RigSandbox;
  let reached = 0;
  let plain: ReturnType<typeof createTcpServer>;

  before(async () => {
    const ports: Record<string, number> = { [`${dead}:443`]: await freePort() };
    plain = createTcpServer((socket) => socket.on('error', () => socket.destroy()).end('SSH-2.0-x\r\n'));
    ports[`${noTls}:443`] = await listenOnLoopback(plain);
    const started: [string, Server][] = [];
    for (const name of Object.keys(certificates)) {
      const server = createTlsServer({ minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }, (socket) => {
        socket.on('error', () => socket.destroy());
        socket.on('data', () => {
          reached += 1;
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        });
      });
      ports[`${name}:443`] = await listenOnLoopback(server);
      started.push([name, server]);
    }
    rig = await startEgressRig({ names: [host], also: ports });
    for (const [name, server] of started) {
      const shown: Shown = certificates[name]?.(rig) ?? rig.authority.issue([name]);
      server.setSecureContext({
        cert: shown.certPem,
        key: shown.keyPem,
        minVersion: 'TLSv1',
        ...(shown.maxVersion === undefined ? {} : { maxVersion: shown.maxVersion }),
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
    }
    servers.push(...started.map(([, server]) => server));
    sandbox = await rig.sandbox();
  });
  after(async () => {
    for (const server of [...servers, plain]) server.close();
    await rig?.stop();
  });

  for (const name of [...Object.keys(certificates), noTls]) {
    test(`${name.split('.', 1)[0]}: 502, each time, and nothing is sent`, async () => {
      const connection = await sandbox.connect(name);
      for (let attempt = 0; attempt < 3; attempt++) {
        connection.send(get('/', undefined, name));
        const response = await connection.response();
        assert.equal(response.status, 502);
        assert.equal(response.header('x-standin-error'), 'upstream_tls_failed');
        assert.equal(response.header('connection'), 'keep-alive');
      }
      connection.close();
      assert.equal(reached, 0);
    });
  }

  test('one that nobody listens for is unreachable', async () => {
    const connection = await sandbox.connect(dead);
    connection.send(get('/', undefined, dead));
    assert.equal((await connection.response()).header('x-standin-error'), 'upstream_unreachable');
    connection.close();
  });

  test('one that does not answer in time is timed out, and one that trickles is not', async () => {
    const slow = await startWithKey({ server: { env: { STANDIN_EGRESS_FIRST_BYTE_TIMEOUT: '1' } } });
    try {
      const silence = Promise.withResolvers<void>();
      slow.rig.answer('/never', async () => {
        await silence.promise;
        return sized(200);
      });
      const connection = await slow.sandbox.connect(host);
      connection.send(get('/never', slow.sandbox));
      const response = await connection.response();
      assert.equal(response.status, 504);
      assert.equal(response.header('x-standin-error'), 'upstream_timeout');
      silence.resolve();
      const row = await slow.rig.auditRow('key', ({ path }) => path === '/never');
      assert.deepEqual([row.status, row.upstream_status, row.error_code], [504, null, 'upstream_timeout']);
    } finally {
      await slow.rig.stop();
    }
  });

  test('no variable of a sandbox and no odd name turns the check off', async () => {
    const insecure = await rig.sandbox({}, { env_vars: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
    const connection = await insecure.connect('unknown-ca.example.com');
    connection.send(get('/', undefined, 'unknown-ca.example.com'));
    assert.equal((await connection.response()).status, 502);
    connection.close();
    const bare = connectTls({ port: rig.server.proxyPort, host: '127.0.0.1', ca: makeAuthority().certPem });
    await assert.rejects(new Promise((_, reject) => bare.once('error', reject)), /certificate/);
  });
});
