import type { Secret } from '../crypto/secret.ts';
import type {
  DirectoryEntry,
  ExecRequest,
  ExecSession,
  Mount,
  RunningSandbox,
  SandboxFiles,
} from '../sandbox/driver.ts';
import type { NetworkRecord, PreviewAccess, PreviewPortRecord, SandboxStatus, WebhookRecord } from '../store/store.ts';
import type { StatusClass, StoredEvent, TrailVerdict, VerifyOptions } from '../store/trail.ts';
import type { AuditBatch, Tripwire } from '../audit-rows.ts';
import type {
  ActivityService,
  CheckService,
  RequestService,
  SecretListService,
  SessionService,
} from './console-types.ts';
import type { ValueAsk } from './open-secret.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * The vault as its callers see it: what an API handler, or a test, may ask of the domain. Inputs have passed the
 * contract's shape checks; every rule beyond shape (hosts, overlap, names taken, ...) is judged here and refused with a
 * `StandinError` that names the field.
 */
export interface Vault {
  access: AccessService;
  sessions: SessionService;
  secrets: SecretService;
  secretList: SecretListService;
  checks: CheckService;
  requests: RequestService;
  activity: ActivityService;
  /** The certificate that sandboxes trust, PEM. */
  caPem: () => string;
  sandboxes: SandboxService;
  providers: () => ProviderView[];
  audit: AuditService;
  webhooks: WebhookService;
  previews: PreviewService;
}

/** The vault as the composition root sees it: also what starts it, and what the egress proxy asks. */
export interface VaultSystem extends Vault {
  /**
   * The first start: makes the team `default` and its operator key (`apiKey`, or a fresh one). Answers the key, to be
   * shown once; null where the team has a live key. A fresh one is handed to `keep` before it is stored.
   */
  bootstrap(apiKey: string | null, keep?: (madeKey: string) => void): Promise<{ apiKey: string } | null>;
  /** Takes over the sandboxes of the last server, and marks those that are gone as failed. Before anything is served. */
  recover(): Promise<void>;
  /** Counts what came to the trail; true where there may be more to count. */
  rollUp(): Promise<boolean>;
  lifetimes: LifetimeService;
  egress: EgressService;
}

/** What is to be done when time passes; the caller has the clock. */
export interface LifetimeService {
  /** Pauses and deletes the sandboxes whose time is up. */
  sweep(): Promise<void>;
  /** When there is something to do next; null: never, as things are. */
  next(): Promise<Date | null>;
  /** Ends those that run here and were deleted by another server. */
  reconcile(sandboxIds: readonly string[] | null): Promise<void>;
}

/** The control plane's answers to the egress proxy; its `ControlPlane`, in structure. */
export interface EgressService {
  snapshot(sandboxId: string): Promise<Snapshot | null>;
  openSecret(ask: ValueAsk): Promise<Secret | null>;
  record(batches: readonly AuditBatch[]): Promise<void>;
  /** Puts down that events may be missing, as where a worker died; resolves when that is durable. */
  recordGap(gap: AuditGap): Promise<void>;
  /** Writes down what may wait a second: to be called once nothing is recorded any more. */
  settle(): Promise<void>;
}

/** Who is calling: one API key of one team. */
export interface Caller {
  teamId: string;
  keyId: string;
  /** May use what reaches the server's own machine (mounts). */
  operator: boolean;
}

export interface AccessService {
  /** The caller behind an API key, or null. Compares hashes in constant time. */
  authenticate(apiKey: string): Promise<Caller | null>;
  createKey(caller: Caller, input: { name: string; operator?: boolean }): Promise<{ key: string; view: ApiKeyView }>;
  listKeys(caller: Caller): Promise<ApiKeyView[]>;
  revokeKey(caller: Caller, id: string): Promise<void>;
}
export interface ApiKeyView {
  id: string;
  name: string;
  hint: string;
  operator: boolean;
  createdAt: Date;
  lastUsedAt: Date | null;
}

export type AuthRule =
  | { type: 'bearer' }
  | { type: 'basic'; username?: string | undefined }
  | { type: 'api-key'; header: string; prefix?: string | undefined }
  | { type: 'custom'; headers: Record<string, string> };
export type HostsRule = { hosts: string[] } & AuthRule;
export type AuthInput = AuthRule | { per_host: HostsRule[] };
export type AuthType = AuthRule['type'] | 'per_host';

export interface CreateSecretInput {
  name: string;
  value: Secret;
  provider?: string | undefined;
  auth?: AuthInput | undefined;
  hosts?: string[] | undefined;
  /** `alert` where nothing is said. */
  onTripwire?: Tripwire['action'] | undefined;
}
export interface SecretView {
  id: string;
  name: string;
  authType: AuthType;
  /** The resolved rule: `{type, ...}` without hosts, or `{per_host: [{hosts, type, ...}]}`. */
  authConfig: Record<string, unknown>;
  hosts: string[];
  providerShortcut: string | null;
  /** `revoke`: a stand-in seen where it must not be loses its binding. */
  onTripwire: Tripwire['action'];
  createdAt: Date;
  updatedAt: Date;
  lastUsedAt: Date | null;
}
export interface SecretService {
  create(caller: Caller, input: CreateSecretInput): Promise<SecretView>;
  list(caller: Caller): Promise<SecretView[]>;
  get(caller: Caller, name: string): Promise<SecretView>;
  rotate(caller: Caller, name: string, value: Secret): Promise<SecretView>;
  /** What a stand-in of it out of place does from now on. */
  setOnTripwire(caller: Caller, name: string, onTripwire: Tripwire['action']): Promise<SecretView>;
  remove(caller: Caller, name: string): Promise<void>;
  audit(
    caller: Caller,
    name: string,
    page: {
      limit: number;
      before?: number | undefined;
      status?: StatusClass | undefined;
      /** Requests, where nothing is said. */
      kind?: 'request' | 'tripwire' | 'all' | undefined;
    },
  ): Promise<AuditEventView[]>;
  bindings(caller: Caller, name: string): Promise<SecretBindingView[]>;
}
export interface AuditEventView {
  id: number;
  ts: Date;
  sandboxId: string;
  sandboxName: string | null;
  secretId: string | null;
  method: string | null;
  host: string;
  path: string | null;
  status: number | null;
  upstreamStatus: number | null;
  latencyMs: number | null;
  errorCode: string | null;
  /** Null: a request. */
  tripwire: Tripwire | null;
}
/** Of what was under way between two times events may be missing. `lost`: how many, or null where nobody knows. */
export interface AuditGap {
  from: Date;
  to: Date;
  lost: number | null;
}
export interface AuditService {
  /** Whether the trail is as it was written: see the store's `verify`. Refuses (`forbidden`) all but operator keys. */
  verify(caller: Caller, options?: VerifyOptions): Promise<TrailVerdict>;
}
export interface WebhookService {
  /** `secret` is shown this once. Loopback URLs are for operators. */
  create(caller: Caller, input: { url: string; events: string[] }): Promise<{ view: WebhookView; secret: string }>;
  list(caller: Caller): Promise<WebhookView[]>;
  remove(caller: Caller, id: string): Promise<void>;
  /** Queues an event of type `test`. */
  test(caller: Caller, id: string): Promise<{ deliveryId: string }>;
}
export type WebhookView = Pick<WebhookRecord, 'id' | 'url' | 'events' | 'createdAt'>;
export interface SecretBindingView {
  sandboxId: string;
  sandboxName: string;
  envKey: string;
  status: SandboxStatus;
}

export interface ProviderView {
  name: string;
  display: string;
  authType: AuthType;
  authConfig: Record<string, unknown>;
  hosts: string[];
  tokenShape: string;
}

/** The network rules of a sandbox as a client gives them; `parseNetwork` judges them. */
export interface NetworkInput {
  allow_out?: string[] | null | undefined;
  deny_out?: string[] | null | undefined;
  intercept?: 'all' | 'bound' | undefined;
  tunnel_out?: string[] | undefined;
}
export interface CreateSandboxInput {
  name: string;
  driver?: string | undefined;
  secrets?: Record<string, string> | undefined;
  envVars?: Record<string, string> | undefined;
  metadata?: Record<string, string> | undefined;
  network?: NetworkInput | undefined;
  timeoutSeconds?: number | undefined;
  autoDeleteSeconds?: number | undefined;
  /** `base`, or one that the operator registered. */
  template?: string | undefined;
  /** `private` where nothing is said. */
  previewAccess?: PreviewAccess | undefined;
  /** Operator keys only. */
  mounts?: Mount[] | undefined;
}
/** What is not there stays as it is; null clears. */
export interface UpdateSandboxInput {
  /** `allow_out` and `deny_out` are replaced together. */
  network?: NetworkInput | undefined;
  metadata?: Record<string, string> | undefined;
  timeoutSeconds?: number | null | undefined;
  autoDeleteSeconds?: number | null | undefined;
  previewAccess?: PreviewAccess | undefined;
}
export interface NetworkLogQuery {
  limit: number;
  /** The cursor of a page, or an RFC 3339 time. */
  before?: string | undefined;
  since?: Date | undefined;
  verdict?: NonNullable<StoredEvent['verdict']> | undefined;
}
export interface NetworkLogPage {
  /** Connections and requests, newest first. */
  rows: StoredEvent[];
  /** Null: there are no more. */
  nextCursor: string | null;
}
export interface SandboxView {
  id: string;
  name: string;
  status: SandboxStatus;
  driver: string;
  vcpuCount: number;
  memoryMib: number;
  createdAt: Date;
  timeoutSeconds: number | null;
  autoDeleteSeconds: number | null;
  network: NetworkRecord | null;
  metadata: Record<string, string>;
  secrets: { envKey: string; secretName: string; revoked: boolean }[];
  /** Only while it is paused. */
  autoDeleteAt: Date | null;
  previewAccess: PreviewAccess;
}
/**
 * How a sandbox run elsewhere reaches the proxy. `proxyUrl` carries the token only where it was just made; elsewhere
 * the sandbox's id alone.
 */
export interface EgressView {
  proxyUrl: string;
  /** Our CA, to be kept in the file that `env.STANDIN_CA_FILE` names: /etc/standin/ca.pem. */
  caPem: string;
  /**
   * Every variable to set: the sandbox's own, stand-ins, proxy and trust. To keep the CA elsewhere, put the other path
   * into every variable whose value is `STANDIN_CA_FILE`'s.
   */
  env: Record<string, string>;
}
export interface SandboxWithAccess {
  sandbox: SandboxView;
  accessToken: string;
  egress: EgressView;
}
export interface SandboxService {
  create(caller: Caller, input: CreateSandboxInput): Promise<SandboxWithAccess>;
  list(
    caller: Caller,
    filter: {
      /** Any of them. */
      status?: readonly SandboxStatus[] | undefined;
      metadata?: Record<string, string> | undefined;
      limit: number;
      offset: number;
    },
  ): Promise<SandboxView[]>;
  get(caller: Caller, id: string): Promise<SandboxWithAccess>;
  remove(caller: Caller, id: string): Promise<void>;
  attach(caller: Caller, id: string, input: { envKey: string; secretName: string }): Promise<void>;
  detach(caller: Caller, id: string, envKey: string): Promise<void>;
  rotateEgressToken(caller: Caller, id: string): Promise<EgressView>;
  pause(caller: Caller, id: string): Promise<void>;
  /** Its access tokens are replaced. */
  resume(caller: Caller, id: string): Promise<SandboxWithAccess>;
  /** The same, also for one that is active. */
  activate(caller: Caller, id: string): Promise<SandboxWithAccess>;
  update(caller: Caller, id: string, change: UpdateSandboxInput): Promise<void>;
  networkLog(caller: Caller, id: string, query: NetworkLogQuery): Promise<NetworkLogPage>;
  listFiles(caller: Caller, id: string, path: string): Promise<DirectoryEntry[]>;
  /**
   * `stale`: right before a rotation, and of no use. Refuses (`unauthorized`) any other that is not the current one, and an id
   * that no sandbox has, with the same words.
   */
  authorize(sandboxId: string, accessToken: string): Promise<'current' | 'stale'>;
  /** The data plane: by the sandbox's own access token, no API key. 401 where it is wrong or stale. */
  exec(sandboxId: string, accessToken: string, request: ExecInput): Promise<ExecSession>;
  /** The same for its files. */
  files(sandboxId: string, accessToken: string): Promise<SandboxFiles>;
}
/** Ports of sandboxes that can be seen from outside. */
export interface PreviewService {
  list(caller: Caller, id: string): Promise<{ previewAccess: PreviewAccess; ports: PreviewPortRecord[] }>;
  publish(
    caller: Caller,
    id: string,
    input: { port: number; access: PreviewAccess | undefined },
  ): Promise<PreviewPortRecord>;
  /** Its tokens stop working. */
  unpublish(caller: Caller, id: string, port: number): Promise<void>;
  /** `seconds`: how long it lasts; null: until the port's tokens are rotated. */
  token(caller: Caller, id: string, port: number, seconds: number | null): Promise<PreviewTokenView>;
  /** Every token of the port stops working. */
  rotate(caller: Caller, id: string, port: number): Promise<PreviewTokenView>;
  /**
   * For whoever comes with this token, or none: refuses (`unauthorized`) what is not for them, with the same words whatever the
   * reason. `proof`: what a valid token says of itself. `connect` rejects with `unavailable`.
   */
  open(
    sandboxId: string,
    port: number,
    token: string | null,
  ): Promise<{ proof: { expiresAt: Date | null } | null; connect: () => ReturnType<RunningSandbox['connect']> }>;
}
export interface PreviewTokenView {
  token: string;
  port: number;
  access: PreviewAccess;
  tokenVersion: number;
  /** Of the sandbox. */
  previewAccess: PreviewAccess;
  expiresAt: Date | null;
}
/** `env` adds to, and wins over, the sandbox's own variables. */
export type ExecInput = Omit<ExecRequest, 'env'> & { env?: Record<string, string> };
