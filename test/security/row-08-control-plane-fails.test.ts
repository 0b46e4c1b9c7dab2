import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { connect as connectTcp, createServer } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { Secret } from '../../src/crypto/secret.ts';
import type { AuditRow } from '../../src/audit-rows.ts';
import type { ControlPlane } from '../../src/egress/ports.ts';
import { EgressSupervisor } from '../../src/egress/supervisor.ts';
import { Authority } from '../../src/egress/tls/authority.ts';
import { createLogger } from '../../src/log.ts';
import { makeCore } from '../../src/stand-in.ts';
import { makeAuthority } from '../support/certificates.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { waitUntil } from '../support/processes.ts';
import { connectThroughProxy, openTunnel, proxyAuthorization } from '../support/proxy-client.ts';
import { TunnelRefused } from '../support/proxy-client.ts';
import type { RawConnection } from '../support/proxy-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import type { TlsUpstream } from '../support/tls-upstream.ts';

/**
 * Row 8: the real supervisor and a real worker process, over a control plane whose every part can be made to fail. The
 * proxy refuses, with a reason, and nothing reaches the upstream: neither a value, nor the stand-in, nor the request.
 */

const host = 'api.example.com';
const realValue = 'the-real-value-of-row-8';
const standIn = `sk-test-${makeCore('text')}`;
const token = 'a-proxy-token-of-some-length-0123456789';
const sandboxId = randomUUID();
const valueTtlMs = 400;

/** Which part of the control plane fails now. */
type Part = 'snapshot' | 'value' | 'record' | 'leaf';
const failing = new Set<Part>();
/** Path and upstream's status of what was recorded. */
const recorded: { path: string | null; upstreamStatus: number | null }[] = [];
const gaps: { from: Date; to: Date; lost: number | null }[] = [];
let value = realValue;

function working<Answer>(part: Part, answer: Answer): Promise<Answer> {
  return failing.has(part) ? Promise.reject(new Error(`${part} fails, as the test wants it`)) : Promise.resolve(answer);
}

const plane: ControlPlane = {
  snapshot: (id) =>
    working(
      'snapshot',
      id !== sandboxId
        ? null
        : {
            id,
            teamId: 'team',
            proxyTokenHash: createHash('sha256').update(token).digest('hex'),
            network: { allowOut: [], denyOut: [] },
            bindings: [
              {
                id: 'binding',
                envKey: 'API_KEY',
                standIn,
                secretId: 'secret',
                secretName: 'secret',
                version: 1,
                state: 'live',
                rules: [
                  {
                    hosts: [host],
                    slots: [
                      {
                        kind: 'header',
                        name: 'Authorization',
                        before: 'Bearer ',
                        after: '',
                        set: [{ name: 'Authorization', before: 'Bearer ', after: '' }],
                      },
                    ],
                  },
                ],
              },
            ],
          },
    ),
  openSecret: () => working('value', new Secret(value)),
  recordGap: (gap) => {
    gaps.push(gap);
    return Promise.resolve();
  },
  record: async (batches) => {
    await working('record', null);
    for (const { rows } of batches.flatMap(({ segments }) => segments)) {
      const parsed: AuditRow[] = JSON.parse(rows);
      for (const row of parsed) if (row[0] === 'exchange') recorded.push({ path: row[5], upstreamStatus: row[7] });
    }
  },
};

const directory = temporaryDirectory('row-8');
let upstream: TlsUpstream;
let egress: EgressSupervisor;
let authority: Authority;
let proxyPort: number;

before(async () => {
  const roots = makeAuthority();
  upstream = await startTlsUpstream({ certificate: roots.issue([host, 'b.example.com']) });
  authority = await Authority.open(directory.path, { mayCreate: true });
  const leaf = authority.leaf.bind(authority);
  authority.leaf = async (name) => {
    await working('leaf', null);
    return leaf(name);
  };
  egress = new EgressSupervisor({
    settings: {
      proxyListen: { host: '127.0.0.1', port: 0 },
      connectTo: [host, 'b.example.com'].map((name) => ({
        host: name,
        port: 443,
        address: '127.0.0.1',
        toPort: upstream.port,
      })),
      extraRoots: roots.certPem,
      allowPrivate: [],
      cleartextHosts: [],
      firstByteTimeoutMs: 10_000,
      valueTtlMs,
      scrub: true,
      limits: { connections: 0, requestsPerSecond: 0, bytesPerSecond: 0, headBytes: 65_536 },
      logLevel: 'silent',
    },
    plane,
    authority,
    log: createLogger({ level: 'silent' }),
  });
  proxyPort = await egress.start(1);
});

after(async () => {
  await egress.stop();
  await upstream.stop();
  directory.remove();
});

afterEach(async () => {
  failing.clear();
  value = realValue;
  await egress.forget(null);
});

const access = () => ({ port: proxyPort, authorization: proxyAuthorization(sandboxId, token) });
const connect = (name = host) => connectThroughProxy(access(), { host: name, ca: authority.pem });

/** The status and the refusal's code of one request that carries the stand-in, or another credential. */
async function ask(
  connection: RawConnection,
  { credential = standIn, path = '/asked' } = {},
): Promise<{ status: number; code?: string }> {
  connection.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${credential}\r\n\r\n`);
  const response = await connection.response();
  const code = response.header('x-standin-error');
  return { status: response.status, ...(code === undefined ? {} : { code }) };
}

const passed = { status: 200 };
const vaultUnavailable = { status: 502, code: 'vault_unavailable' };
const auditUnavailable = { status: 503, code: 'audit_unavailable' };

/** Runs `work`, in which no request may reach the upstream. */
async function withNothingSent(work: () => Promise<void>): Promise<void> {
  const bytes = upstream.receivedText().length;
  await work();
  assert.equal(upstream.receivedText().length, bytes, 'something reached the upstream');
}

describe('row 8: when the control plane fails', () => {
  it('a connection of a sandbox that it could not be asked about is counted in the trail as lost', async (t) => {
    const listener = createServer();
    t.after(() => listener.close());
    const port = await listenOnLoopback(listener);
    const gone = randomUUID();
    t.after(() => egress.close(gone));
    await egress.open(gone, [{ kind: 'https', port: 443, handle: Reflect.get(listener, '_handle') }]);
    const begun = Date.now();
    // The worker and this process both listen, until one that the worker took has been told of.
    await waitUntil(
      async () => {
        const socket = connectTcp({ host: '127.0.0.1', port });
        await new Promise((resolve) => socket.once('error', resolve).once('connect', resolve));
        socket.destroy();
        return gaps.length > 0;
      },
      { what: 'a gap' },
    );
    const [gap] = gaps;
    assert.ok(gap !== undefined && (gap.lost ?? 0) > 0);
    assert.ok(gap.from.getTime() >= begun && gap.to >= gap.from);
  });

  it('a request whose value cannot be opened is refused, and served once it can', async () => {
    const connection = await connect();
    failing.add('value');
    await withNothingSent(async () => assert.deepEqual(await ask(connection), vaultUnavailable));
    failing.clear();
    assert.deepEqual(await ask(connection), passed);
    assert.match(upstream.receivedText(), new RegExp(`Authorization: Bearer ${realValue}\r\n`));
    connection.close();
  });

  it('a value that is held is used no longer than its time to live, and never when that is over', async () => {
    const connection = await connect();
    assert.deepEqual(await ask(connection), passed);
    const held = performance.now();
    failing.add('value');
    // Still held: the vault is not asked.
    assert.deepEqual(await ask(connection), passed);
    for (let age = 0; age <= valueTtlMs;) {
      age = performance.now() - held;
      const { status } = await ask(connection);
      assert.ok(status === 502 || age <= valueTtlMs, `served ${age} ms after it was fetched`);
    }
    await withNothingSent(async () => assert.deepEqual(await ask(connection), vaultUnavailable));
    connection.close();
  });

  it('a sandbox that cannot be looked up gets no tunnel and no answer from anywhere', async () => {
    const connection = await connect();
    failing.add('snapshot');
    await egress.forget(null);
    await withNothingSent(async () => {
      assert.deepEqual(await ask(connection), vaultUnavailable);
      await assert.rejects(openTunnel(access(), `${host}:443`), (error) => {
        assert.ok(error instanceof TunnelRefused);
        assert.equal(error.response.status, 502);
        assert.equal(error.response.header('x-standin-error'), 'vault_unavailable');
        return true;
      });
    });
    connection.close();
  });

  it('nothing is let through, credential or not, while what was let through cannot be recorded', async () => {
    const connection = await connect();
    const get = (credential = standIn) => ask(connection, { credential, path: '/recorded' });
    assert.deepEqual(await get(), passed);
    failing.add('record');
    await waitUntil(async () => (await get()).code === 'audit_unavailable', { what: 'a refusal' });
    await withNothingSent(async () => {
      assert.deepEqual(await get(), auditUnavailable);
      assert.deepEqual(await get('a key of its own'), auditUnavailable);
    });
    failing.clear();
    await waitUntil(async () => (await get()).status === 200, { what: 'the audit trail to be written again' });
    const sent = upstream.requests.filter(({ target }) => target === '/recorded').length;
    const events = () => recorded.filter(({ path, upstreamStatus }) => path === '/recorded' && upstreamStatus === 200);
    await waitUntil(() => events().length >= sent, { what: 'every event to come' });
    assert.equal(events().length, sent, 'each that reached the upstream is recorded, once');
    connection.close();
  });

  it('a name for which there is no certificate is cut off, never tunnelled through', async () => {
    failing.add('leaf');
    await withNothingSent(async () => {
      await assert.rejects(connect('b.example.com'));
    });
    failing.clear();
    (await connect('b.example.com')).close();
  });

  it('a stored value that would end its header is refused, not sent', async () => {
    const connection = await connect();
    for (const each of ['line\r\nX-Injected: yes', 'nul\0', 'line\nfeed', 'return\r']) {
      value = each;
      await egress.forget(null);
      await withNothingSent(async () => assert.deepEqual(await ask(connection), vaultUnavailable));
    }
    connection.close();
  });
});
