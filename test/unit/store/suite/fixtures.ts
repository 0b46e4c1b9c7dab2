import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { OpenSegment } from '../../../../src/audit-rows.ts';
import type { AuditRow, AuditSegment } from '../../../../src/audit-rows.ts';
import { StartupError } from '../../../../src/errors.ts';
import type { Database } from '../../../../src/store/database.ts';
import { openDatabase, openStore } from '../../../../src/store/open.ts';
import type {
  BindingRecord,
  SandboxRecord,
  SealedValue,
  SecretRecord,
  Store,
  TeamRecord,
} from '../../../../src/store/store.ts';
import type { EventRecord } from '../../../../src/store/trail.ts';

/** A database that the suite runs over. */
export interface StoreSetup {
  kind: Store['kind'];
  /** The URL of a new, empty database. */
  freshUrl: () => Promise<string>;
}

/** A store that is closed when the test ends, however it ends. */
export async function openFor(test: TestContext, url: string): Promise<Store> {
  const store = await openStore(url);
  test.after(() => store.close());
  return store;
}

/** The same for a database whose schema is left as it is. */
export async function databaseFor(test: TestContext, url: string): Promise<Database> {
  const db = await openDatabase(url);
  test.after(() => db.close());
  return db;
}

/** What the start refuses with; fails where it does not. */
export async function startupError(url: string): Promise<Error> {
  try {
    await (await openStore(url)).close();
  } catch (error) {
    assert.ok(error instanceof StartupError, `not a StartupError: ${String(error)}`);
    return error;
  }
  throw new Error('the store opened');
}

export const noon = new Date('2026-01-02T12:00:00.123Z');

export function after(milliseconds: number): Date {
  return new Date(noon.getTime() + milliseconds);
}

export async function newTeam(store: Store): Promise<TeamRecord> {
  const team = { id: randomUUID(), name: `team-${randomUUID()}`, createdAt: noon };
  await store.teams.insert(team);
  return team;
}

export function secret(team: TeamRecord, over: Partial<SecretRecord> = {}): SecretRecord {
  return {
    id: randomUUID(),
    teamId: team.id,
    name: `secret-${randomBytes(4).toString('hex')}`,
    authType: 'bearer',
    authConfig: { type: 'bearer' },
    hosts: ['api.example.com', '*.example.org'],
    providerShortcut: null,
    onTripwire: 'alert',
    version: 1,
    createdAt: noon,
    updatedAt: noon,
    lastUsedAt: null,
    deletedAt: null,
    ...over,
  };
}

export function sealed(): SealedValue {
  return { ciphertext: randomBytes(60), wrappedKey: randomBytes(61), keyId: 'local:test' };
}

export async function newSecret(
  store: Store,
  team: TeamRecord,
  over: Partial<SecretRecord> = {},
): Promise<SecretRecord> {
  const record = secret(team, over);
  await store.secrets.insert(record, sealed());
  return record;
}

export function sandbox(team: TeamRecord, over: Partial<SandboxRecord> = {}): SandboxRecord {
  return {
    id: randomUUID(),
    teamId: team.id,
    name: 'box',
    status: 'active',
    driver: 'external',
    envVars: { LANG: 'C.UTF-8' },
    metadata: {},
    network: {},
    timeoutSeconds: null,
    autoDeleteSeconds: null,
    vcpuCount: 1,
    memoryMib: 512,
    proxyTokenHash: randomBytes(32).toString('hex'),
    accessGeneration: 1,
    createdAt: noon,
    deletedAt: null,
    template: 'base',
    server: null,
    previewAccess: 'private',
    activeSince: noon,
    pausedAt: null,
    ...over,
  };
}

export async function newSandbox(
  store: Store,
  team: TeamRecord,
  over: Partial<SandboxRecord> = {},
): Promise<SandboxRecord> {
  const record = sandbox(team, over);
  await store.sandboxes.insert(record, []);
  return record;
}

export function binding(box: SandboxRecord, of: SecretRecord, over: Partial<BindingRecord> = {}): BindingRecord {
  return {
    id: randomUUID(),
    teamId: box.teamId,
    sandboxId: box.id,
    envKey: 'API_KEY',
    secretId: of.id,
    standIn: `sk-${randomBytes(8).toString('hex')}`,
    fingerprint: randomBytes(32).toString('hex'),
    createdAt: noon,
    ...over,
  };
}

/** Appends events in one batch. */
export async function appendEvents(store: Store, events: readonly EventRecord[]): Promise<void> {
  await store.events.append(segmentsOf(events));
}

/** Events as the egress proxy sends them, but that a sandbox has another segment where another came between. */
export function segmentsOf(events: readonly EventRecord[]): AuditSegment[] {
  const open: { of: string; segment: OpenSegment }[] = [];
  for (const event of events) {
    if (open.at(-1)?.of !== event.sandboxId) open.push({ of: event.sandboxId, segment: new OpenSegment(event) });
    const segment = open.at(-1)?.segment;
    segment?.push(rowOf(event, segment.numberOf(event.secretId)));
  }
  return open.map(({ segment }) => segment.close());
}

function rowOf(event: EventRecord, number: number | null): AuditRow {
  const { kind, ts, host, method, path, status, upstreamStatus, latencyMs, errorCode } = event;
  const { dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv } = event;
  if (kind === 'tripwire') {
    const { standIn = 'own', slot = '', action = 'alert' } = event.tripwire ?? {};
    return [kind, ts.getTime(), number, host, slot, standIn, action, errorCode];
  }
  return kind === 'request'
    ? [kind, ts.getTime(), number, host, method, path, status, upstreamStatus, latencyMs, errorCode]
    : [kind, ts.getTime(), number, host, dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv];
}

export function requestEvent(box: SandboxRecord, over: Partial<EventRecord> = {}): EventRecord {
  return {
    kind: 'request',
    ts: noon,
    teamId: box.teamId,
    sandboxId: box.id,
    secretId: null,
    host: 'api.example.com',
    method: 'GET',
    path: '/v1/models',
    status: 200,
    upstreamStatus: 200,
    latencyMs: 12,
    errorCode: null,
    dstIp: null,
    dstPort: null,
    verdict: null,
    matchRule: null,
    bytesSent: null,
    bytesRecv: null,
    tripwire: null,
    ...over,
  };
}

export function connectionEvent(box: SandboxRecord, over: Partial<EventRecord> = {}): EventRecord {
  return {
    ...requestEvent(box),
    kind: 'connection',
    method: null,
    path: null,
    status: null,
    upstreamStatus: null,
    latencyMs: null,
    dstIp: '203.0.113.7',
    dstPort: 443,
    verdict: 'allowed',
    matchRule: '*.example.com',
    bytesSent: 5_000_000_000,
    bytesRecv: 0,
    ...over,
  };
}
