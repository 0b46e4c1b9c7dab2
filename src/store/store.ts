import type { Tripwire } from '../audit-rows.ts';
import type { ActivityStore, EventStore } from './trail.ts';

/**
 * What the vault keeps, in the vault's words. Two drivers implement it, SQLite and PostgreSQL, and one suite
 * (test/unit/store) runs over both. Every write that resolved is durable: it survives `kill -9`.
 *
 * Times are `Date`, ids are UUID strings made by the caller, JSON columns are plain values.
 */
export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  teams: TeamStore;
  apiKeys: ApiKeyStore;
  sessions: SessionStore;
  secrets: SecretStore;
  sandboxes: SandboxStore;
  bindings: BindingStore;
  previews: PreviewStore;
  events: EventStore;
  activity: ActivityStore;
  webhooks: WebhookStore;
  settings: SettingStore;
  runs: RunStore;
  changes: ChangeFeed;
  /** Throws when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface TeamRecord {
  id: string;
  name: string;
  createdAt: Date;
}
export interface TeamStore {
  insert(team: TeamRecord): Promise<void>;
  byName(name: string): Promise<TeamRecord | null>;
  count(): Promise<number>;
}

export interface ApiKeyRecord {
  id: string;
  teamId: string;
  name: string;
  /** SHA-256 of the key, hex. The key itself is never stored. */
  hash: string;
  /** The first characters, to tell keys apart in a list. */
  hint: string;
  /** May use what reaches the server's own machine: mounts of host directories. */
  operator: boolean;
  createdAt: Date;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}
export interface ApiKeyStore {
  insert(key: ApiKeyRecord): Promise<void>;
  /** The live key with that hash. */
  byHash(hash: string): Promise<ApiKeyRecord | null>;
  /** Live keys of the team, newest first. */
  list(teamId: string): Promise<ApiKeyRecord[]>;
  /** False where the team has no such live key. */
  revoke(teamId: string, id: string, at: Date): Promise<boolean>;
  touch(id: string, at: Date): Promise<void>;
}

/** A browser that is signed in, with the live API key that it signed in with. */
export interface SessionRecord {
  /** SHA-256 of what its cookie holds, hex. */
  hash: string;
  keyId: string;
  createdAt: Date;
  expiresAt: Date;
}
export interface SessionStore {
  insert(session: SessionRecord): Promise<void>;
  /** Null where there is none, it is over, or its key was revoked. */
  find(hash: string, at: Date): Promise<{ session: SessionRecord; key: ApiKeyRecord; team: TeamRecord } | null>;
  extend(hash: string, expiresAt: Date): Promise<void>;
  remove(hash: string): Promise<void>;
  /** Forgets those that are over. */
  prune(at: Date): Promise<void>;
}

export interface SecretRecord {
  id: string;
  teamId: string;
  name: string;
  authType: string;
  authConfig: unknown;
  hosts: string[];
  providerShortcut: string | null;
  /** What a stand-in of it out of place does: `revoke` detaches that binding. */
  onTripwire: Tripwire['action'];
  /** Version of the value that is current; rises by one with each rotation. */
  version: number;
  createdAt: Date;
  updatedAt: Date;
  lastUsedAt: Date | null;
  deletedAt: Date | null;
}
/** A value, sealed under a data key of its own. See crypto/envelope.ts. */
export interface SealedValue {
  ciphertext: Uint8Array;
  wrappedKey: Uint8Array;
  keyId: string;
}
export type SecretOrder = 'name' | 'created_at' | 'last_used_at';
export interface SecretPageQuery {
  limit: number;
  order: SecretOrder;
  descending: boolean;
  /** Part of a name or host, or a provider, in lower case. */
  search?: string;
  /** Where the page before ended. */
  after?: SecretCursor;
}
export interface SecretCursor {
  value: string | number;
  id: string;
}
export interface SecretPage {
  secrets: SecretRecord[];
  /** Null: there are no more. */
  next: SecretCursor | null;
}
export interface SecretStore {
  /** Writes the secret and its first version together. 'conflict' where a live secret of the team has the name. */
  insert(secret: SecretRecord, sealed: SealedValue): Promise<'inserted' | 'conflict'>;
  byName(teamId: string, name: string): Promise<SecretRecord | null>;
  /** Live or deleted, by id, of any team. */
  byId(id: string): Promise<SecretRecord | null>;
  /** Live secrets of the team, newest first. */
  list(teamId: string): Promise<SecretRecord[]>;
  page(teamId: string, query: SecretPageQuery): Promise<SecretPage>;
  /** When its values were stored and replaced, newest first; without any value. */
  versions(id: string): Promise<{ version: number; createdAt: Date; retiredAt: Date | null }[]>;
  /** Of secrets, live or deleted, by id. */
  names(ids: readonly string[]): Promise<Map<string, { teamId: string; name: string }>>;
  /**
   * Adds version `next` and makes it current, if the secret is live and its version is `next - 1`; older versions are
   * erased in the same transaction. Null where it is gone or somebody else was first.
   */
  rotate(id: string, next: number, sealed: SealedValue, at: Date): Promise<SecretRecord | null>;
  /** Null where it is gone. */
  setOnTripwire(id: string, onTripwire: Tripwire['action'], at: Date): Promise<SecretRecord | null>;
  /** Marks it deleted and erases its sealed values. False where it was not live. */
  remove(id: string, at: Date): Promise<boolean>;
  sealed(id: string, version: number): Promise<SealedValue | null>;
  /** True where any sealed value exists, whoever's: a missing key file is then fatal. */
  anySealed(): Promise<boolean>;
  /** Moves `last_used_at` forward, never back. */
  touch(uses: { id: string; at: Date }[]): Promise<void>;
}

export type SandboxStatus = 'active' | 'paused' | 'resuming' | 'failed';
export interface SandboxRecord {
  id: string;
  teamId: string;
  name: string;
  status: SandboxStatus;
  driver: string;
  envVars: Record<string, string>;
  metadata: Record<string, string>;
  network: NetworkRecord;
  timeoutSeconds: number | null;
  autoDeleteSeconds: number | null;
  vcpuCount: number;
  memoryMib: number;
  /** SHA-256 of the proxy token, hex. */
  proxyTokenHash: string;
  /** Rises with each rotation of the access token. */
  accessGeneration: number;
  createdAt: Date;
  deletedAt: Date | null;
  /** The name of what it runs on; `base`: the host's own tree. */
  template: string;
  /** The server that runs it, as `RunRecord.server` names it; null: somebody else runs it. */
  server: string | null;
  /** What a port that is published without a word is. */
  previewAccess: PreviewAccess;
  /** Since when it has been active without a pause; `timeoutSeconds` counts from here. */
  activeSince: Date | null;
  /** Since when it has been paused; `autoDeleteSeconds` counts from here. */
  pausedAt: Date | null;
}
/** `private`: takes a token. */
export type PreviewAccess = 'public' | 'private';
/** The network rules of a sandbox as they are stored and shown: what was not given is left out. */
export interface NetworkRecord {
  allow_out?: string[];
  deny_out?: string[];
  /** Which TLS is opened; absent: all of it. */
  intercept?: 'all' | 'bound';
  /** Hosts whose TLS is never opened. */
  tunnel_out?: string[];
}
export interface SandboxFilter {
  /** Any of them. */
  status?: readonly SandboxStatus[];
  metadata?: Record<string, string>;
  limit: number;
  offset: number;
}
export interface SandboxStore {
  /** Writes the sandbox with all its bindings, or nothing: 'full' where the team has `most` live ones already. */
  insert(sandbox: SandboxRecord, bindings: BindingRecord[], most?: number): Promise<'inserted' | 'full'>;
  /** Live sandboxes only. */
  byId(id: string): Promise<SandboxRecord | null>;
  /** Live or deleted: a deleted sandbox is refused in other words than one that never was. */
  byIdEver(id: string): Promise<SandboxRecord | null>;
  list(teamId: string, filter: SandboxFilter): Promise<SandboxRecord[]>;
  /** Every live sandbox that a server runs, of all teams: what it looks for at its start. */
  byServer(server: string): Promise<SandboxRecord[]>;
  /** Of those of a server, whose time is up: active for `timeoutSeconds`, or paused for `autoDeleteSeconds`. */
  due(server: string, at: Date): Promise<SandboxRecord[]>;
  /** When the next of them is due; null: none ever, as things are. */
  nextDue(server: string): Promise<Date | null>;
  update(
    id: string,
    change: Partial<
      Pick<
        SandboxRecord,
        | 'status'
        | 'metadata'
        | 'network'
        | 'timeoutSeconds'
        | 'autoDeleteSeconds'
        | 'proxyTokenHash'
        | 'accessGeneration'
        | 'previewAccess'
        | 'activeSince'
        | 'pausedAt'
      >
    >,
    /** Only where it has one of these now; null where it has not. */
    from?: readonly SandboxStatus[],
  ): Promise<SandboxRecord | null>;
  /** Marks it deleted and detaches its bindings. False where it was not live. */
  remove(id: string, at: Date): Promise<boolean>;
}

export interface BindingRecord {
  id: string;
  teamId: string;
  sandboxId: string;
  envKey: string;
  secretId: string;
  /** The worthless token that the sandbox holds. */
  standIn: string;
  /** `coreFingerprint` of its core. */
  fingerprint: string;
  createdAt: Date;
}
export interface BindingStore {
  /** 'conflict' where the sandbox has that env key bound already. */
  insert(binding: BindingRecord): Promise<'inserted' | 'conflict'>;
  /** Live bindings of a live sandbox with their secrets, deleted secrets too (they are shown as revoked). */
  bySandbox(sandboxId: string): Promise<{ binding: BindingRecord; secret: SecretRecord }[]>;
  /** The same for many sandboxes in one query, keyed by sandbox id. */
  bySandboxes(sandboxIds: string[]): Promise<Map<string, { binding: BindingRecord; secret: SecretRecord }[]>>;
  /** Live bindings of a secret with their live sandboxes. */
  bySecret(secretId: string): Promise<{ binding: BindingRecord; sandbox: SandboxRecord }[]>;
  /** How many live sandboxes each of these is bound to; what is not there is bound to none. */
  countBySecrets(secretIds: readonly string[]): Promise<Map<string, number>>;
  /** Any bindings, live or not, with these fingerprints, by fingerprint; with their secrets, live or not. */
  byFingerprints(
    fingerprints: readonly string[],
  ): Promise<Map<string, { binding: BindingRecord; secret: SecretRecord }>>;
  /** Detaches exactly this one. False where it was not live. */
  detachBinding(id: string, at: Date): Promise<boolean>;
  detach(sandboxId: string, envKey: string, at: Date): Promise<boolean>;
}

export interface PreviewPortRecord {
  sandboxId: string;
  port: number;
  access: PreviewAccess;
  /** Rises whenever its tokens are to stop working, and never falls. */
  tokenVersion: number;
}
export interface PreviewStore {
  /** Published ports, by number. */
  list(sandboxId: string): Promise<PreviewPortRecord[]>;
  /** Null where it is not published. */
  get(sandboxId: string, port: number): Promise<PreviewPortRecord | null>;
  /**
   * Publishes a port, or changes its access where one is given. 'full' where `most` others are published. `fallback`: its
   * access where it is not published yet and none is given.
   */
  publish(
    sandboxId: string,
    port: number,
    options: { access: PreviewAccess | undefined; fallback: PreviewAccess; most: number; at: Date },
  ): Promise<PreviewPortRecord | 'full'>;
  /** False where it was not published. */
  unpublish(sandboxId: string, port: number): Promise<boolean>;
  /** Its tokens stop working. Null where it is not published. */
  rotate(sandboxId: string, port: number): Promise<PreviewPortRecord | null>;
}

export interface WebhookRecord {
  id: string;
  teamId: string;
  url: string;
  events: string[];
  /** It may be at a loopback address, and nowhere else: an operator said so. */
  loopback: boolean;
  createdAt: Date;
}
export interface DeliveryRecord {
  /** `msg_…`, the same at each attempt. */
  id: string;
  webhookId: string;
  body: string;
  createdAt: Date;
  /** Those that were begun. */
  attempts: number;
  dueAt: Date;
}
export interface WebhookStore {
  /** 'full' where the team has `most` already. */
  insert(webhook: WebhookRecord, key: SealedValue, most: number): Promise<'inserted' | 'full'>;
  /** Newest first. */
  list(teamId: string): Promise<WebhookRecord[]>;
  /** Of any team, with its signing key. */
  find(id: string): Promise<{ webhook: WebhookRecord; sealed: SealedValue } | null>;
  /** With all that waits for it. False where the team has no such webhook. */
  remove(teamId: string, id: string): Promise<boolean>;
  /** Adds deliveries while fewer than `most` of the team wait, in their order; answers how many were added. */
  queue(
    teamId: string,
    deliveries: readonly Pick<DeliveryRecord, 'id' | 'webhookId' | 'body' | 'createdAt'>[],
    most: number,
  ): Promise<number>;
  /** What is due, one for each webhook that is not busy, the longest due first. */
  due(at: Date, options: { busy: readonly string[]; limit: number }): Promise<DeliveryRecord[]>;
  /** Counts an attempt and keeps others from it until then. False where somebody else was first. */
  claim(delivery: DeliveryRecord, until: Date): Promise<boolean>;
  postpone(id: string, until: Date): Promise<void>;
  /** Its body is dropped, its id kept until `prune`. */
  end(id: string, outcome: 'delivered' | 'given_up', at: Date): Promise<void>;
  /** When the next delivery is due to a webhook that is not busy; null: none waits. */
  nextDue(busy: readonly string[]): Promise<Date | null>;
  /** Forgets what ended before then. */
  prune(before: Date): Promise<void>;
}

export interface SettingStore {
  get(name: string): Promise<Uint8Array | null>;
  /** Writes only where the name is not there yet; answers what is there afterwards, so that two starts agree. */
  putIfAbsent(name: string, value: Uint8Array): Promise<Uint8Array>;
}

/** A server that runs, or that ended without a word: see vault/runs.ts. */
export interface RunRecord {
  /** Another with each start. */
  id: string;
  server: string;
  /** Everything that ended before is durable. */
  settledAt: Date;
  /** Rises with each `beat`, so that others see that it runs. */
  beats: number;
}
export interface RunStore {
  /** Says that it runs: writes it anew where it is not there any more. */
  beat(run: Omit<RunRecord, 'beats'>): Promise<void>;
  /** Every run but this one. */
  others(id: string): Promise<RunRecord[]>;
  /** Makes a run this server's own to see to. False where it has beaten since, is gone, or another was first. */
  takeOver(run: RunRecord, server: string): Promise<boolean>;
  /** Forgets it. */
  end(id: string): Promise<void>;
}

export interface ChangeFeed {
  /** Tells every process on this database, this one included, that these sandboxes must be read anew. */
  publish(sandboxIds: string[]): Promise<void>;
  /** `null` stands for "something may have been missed: drop everything you hold". Returns the way to stop. */
  subscribe(listener: (sandboxIds: string[] | null) => void): () => void;
}
