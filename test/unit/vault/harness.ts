import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createEnvelope } from '../../../src/crypto/envelope.ts';
import { openLocalKeyProvider } from '../../../src/crypto/providers/local.ts';
import { Secret } from '../../../src/crypto/secret.ts';
import { judgeProbe } from '../../../src/egress/probe.ts';
import { StandinError } from '../../../src/errors.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import { createLogger } from '../../../src/log.ts';
import type {
  ExecRequest,
  ExecSession,
  RunningSandbox,
  SandboxDriver,
  SandboxSpec,
} from '../../../src/sandbox/driver.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';
import type { VaultDeps } from '../../../src/vault/deps.ts';
import type { Snapshot } from '../../../src/vault/snapshot.ts';
import type { Caller, CreateSandboxInput, SandboxWithAccess, VaultSystem } from '../../../src/vault/types.ts';
import { createVault } from '../../../src/vault/vault.ts';
import { bareSandbox } from '../../support/bare-sandbox.ts';

/** A vault over a real SQLite file, a real key file and a driver that runs processes of this machine. */
export interface Harness {
  vault: VaultSystem;
  store: Store;
  deps: VaultDeps;
  /** An operator of the team `default`. */
  owner: Caller;
  driver: ProcessDriver;
  /** What a worker would have read at each `changed`, by sandbox: the durable state at that moment. */
  told: Map<string, Snapshot | null>[];
  clock: { now: Date };
}

export async function startVault(t: TestContext, overrides: Partial<VaultDeps> = {}): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'vault-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = await openStore(`sqlite:${join(directory, 'standin.db')}`);
  t.after(() => store.close());
  const driver = new ProcessDriver();
  const told: Map<string, Snapshot | null>[] = [];
  const clock = { now: new Date('2026-01-02T03:04:05.678Z') };
  const deps: VaultDeps = {
    store,
    envelope: createEnvelope(await openLocalKeyProvider({ path: join(directory, 'key'), mayCreate: true })),
    tokenKey: new Secret('a token key for tests, of some length'),
    drivers: new Map<string, SandboxDriver>([
      ['bubblewrap', driver],
      ['external', externalDriver],
    ]),
    defaultDriver: 'bubblewrap',
    network: { proxyUrl: 'http://127.0.0.1:8788', caPem: 'OUR CA', caBundlePem: 'SYSTEM ROOTS AND OUR CA' },
    server: 'a server of tests',
    maxSandboxes: 0,
    templates: new Map(),
    probe: {
      judge: (snapshot, request) => judgeProbe(snapshot, request, new Set()),
      send: () => Promise.reject(new Error('there is no proxy here')),
      forget: () => Promise.resolve(),
    },
    limits: { memoryMib: 512, vcpuCount: 2, pids: 64, diskMib: 64 },
    changed: async (ids) => {
      const seen = await Promise.all(ids.map(async (id) => [id, await vault.egress.snapshot(id)] as const));
      told.push(new Map(seen));
    },
    scheduled: () => undefined,
    queued: () => undefined,
    logger: createLogger({ level: 'silent' }),
    now: () => clock.now,
    ...overrides,
  };
  const vault = createVault(deps);
  const first = await vault.bootstrap(null);
  assert.ok(first);
  const owner = await vault.access.authenticate(first.apiKey);
  assert.ok(owner);
  return { vault, store, deps, owner, driver, told, clock };
}

/** A caller of a second team on the same vault. */
export async function otherTeam({ store, clock }: Harness): Promise<Caller> {
  const team = { id: randomUUID(), name: `team-${randomUUID()}`, createdAt: clock.now };
  await store.teams.insert(team);
  return { teamId: team.id, keyId: randomUUID(), operator: false };
}

/** Stores `value` for bearer at `api.example.com`, or by a provider. */
export async function storeSecret(
  { vault, owner }: Harness,
  name: string,
  { value = `real-value-of-${name}`, provider }: { value?: string; provider?: string } = {},
): Promise<void> {
  const how = provider === undefined ? { auth: { type: 'bearer' as const }, hosts: ['api.example.com'] } : { provider };
  await vault.secrets.create(owner, { name, value: new Secret(value), ...how });
}

export function createSandbox(harness: Harness, input: Partial<CreateSandboxInput> = {}): Promise<SandboxWithAccess> {
  return harness.vault.sandboxes.create(harness.owner, { name: 'box', ...input });
}

/** The standing of a refusal: its code, the field it names, and words that its message holds. */
export function refusal(code: ErrorCode, field?: string, words?: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StandinError, `not a refusal: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    if (field !== undefined) {
      assert.equal(error.field, field, error.message);
      assert.ok(error.message.startsWith(`${field}: `), error.message);
    }
    if (words !== undefined) assert.match(error.message, words);
    return true;
  };
}

export async function outputOf(session: ExecSession): Promise<{ stdout: string; code: number }> {
  const chunks: Buffer[] = [];
  for await (const chunk of session.stdout) chunks.push(Buffer.from(chunk));
  return { stdout: Buffer.concat(chunks).toString('utf8'), code: await session.exit };
}

const externalDriver: SandboxDriver = {
  name: 'external',
  runs: false,
  preflight: () => Promise.resolve([]),
  create: () => Promise.reject(new Error('somebody else runs these')),
  adopt: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

/** Runs what is asked as an ordinary child, in exactly the environment it is given. */
export class ProcessDriver implements SandboxDriver {
  readonly name = 'bubblewrap';
  readonly runs = true;
  readonly running = new Map<string, { spec: SandboxSpec; end: () => void }>();
  /** Makes the next create fail. */
  failure: Error | null = null;

  preflight(): Promise<[]> {
    return Promise.resolve([]);
  }

  adopt(): Promise<[]> {
    return Promise.resolve([]);
  }

  create(spec: SandboxSpec): Promise<RunningSandbox> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.running.set(spec.id, { spec, end });
    return Promise.resolve({
      id: spec.id,
      baseEnv: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: '/home/user', SSL_CERT_FILE: '/etc/ssl/ca.pem' },
      exec: (request) => Promise.resolve(execHere(request)),
      ...bareSandbox(),
      destroy: () => {
        this.running.delete(spec.id);
        end();
        return Promise.resolve();
      },
      ended,
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function execHere({ command, args, env }: ExecRequest): ExecSession {
  const child = args === undefined ? spawn('/bin/sh', ['-c', command], { env }) : spawn(command, args, { env });
  const { promise: exit, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', reject);
  child.on('exit', (code) => resolve(code ?? 255));
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exit,
    signal: (name) => child.kill(name),
    resize: () => undefined,
  };
}
