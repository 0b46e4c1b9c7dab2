import type { RequestVerdict } from '../audit-rows.ts';
import type { SecretOrder } from '../store/store.ts';
import type { StatusClass, StoredEvent } from '../store/trail.ts';
import type { Caller, SecretView } from './types.ts';

/** What people look at: who is signed in, the team's requests, figures, and whether a secret does what it should. */

export interface SessionView {
  team: { id: string; name: string };
  key: { id: string; name: string; operator: boolean };
  expiresAt: Date;
}
export interface SessionService {
  /** `token` is for the cookie, and is not kept. Null where no live key is that. */
  open(apiKey: string): Promise<{ token: string; view: SessionView } | null>;
  /** Null where there is none, or it is over. */
  find(token: string): Promise<{ caller: Caller; view: SessionView } | null>;
  end(token: string): Promise<void>;
}

export interface SecretListQuery {
  limit: number;
  /** Of the page before. */
  cursor?: string | undefined;
  search?: string | undefined;
  order: SecretOrder;
  descending: boolean;
}
export interface SecretUsageView {
  name: string;
  providerShortcut: string | null;
  boundSandboxes: number;
  uses: number;
  refusals: number;
  lastUsedAt: Date | null;
  /** Oldest first. */
  buckets: number[];
}
export interface SecretListService {
  page(caller: Caller, query: SecretListQuery): Promise<{ secrets: SecretView[]; nextCursor: string | null }>;
  usage(
    caller: Caller,
    query: SecretListQuery & { window: '24h' | '7d' },
  ): Promise<{ secrets: SecretUsageView[]; nextCursor: string | null }>;
  versions(caller: Caller, name: string): Promise<{ version: number; createdAt: Date; retiredAt: Date | null }[]>;
}

export interface RequestFilter {
  sandboxId?: string | undefined;
  /** A live secret's name, or the id of any. */
  secret?: string | undefined;
  host?: string | undefined;
  verdict?: RequestVerdict | undefined;
  status?: StatusClass | undefined;
  kind: 'request' | 'tripwire' | 'all';
}
export interface RequestView extends StoredEvent {
  secretName: string | null;
  outcome: RequestVerdict;
}
export interface RequestService {
  list(
    caller: Caller,
    query: RequestFilter & {
      limit: number;
      before?: number | undefined;
      since?: Date | undefined;
      until?: Date | undefined;
    },
  ): Promise<{ rows: RequestView[]; next: number | null }>;
  /** What came after an id, oldest first, a bounded number; `lastId`: up to where it was looked. */
  after(caller: Caller, lastId: number, filter: RequestFilter): Promise<{ rows: RequestView[]; lastId: number }>;
  /** The newest id there is, of any team. */
  lastId(): Promise<number>;
  explain(caller: Caller, id: number): Promise<ExplanationView>;
}
export interface RefusalHelp {
  code: string;
  cause: string;
  cure: string;
}
export interface ExplanationView {
  request: RequestView;
  detail: 'full' | 'basic';
  text: string[];
  standIns: {
    envKey: string | null;
    secretId: string;
    secretName: string | null;
    slot: string;
    swapped: boolean;
  }[];
  network: { verdict: 'allowed' | 'blocked'; rule: string | null } | null;
  connection: {
    address: string;
    port: number;
    tls: string | null;
    alpn: string | null;
    certificateName: string | null;
    reused: boolean;
  } | null;
  steps: { name: StepName; ms: number }[];
  scrubbed: { place: 'head' | 'body'; count: number }[];
  refused: RefusalHelp | null;
}
export type StepName = 'judged' | 'value_opened' | 'dialled' | 'tls' | 'connected' | 'first_byte' | 'body';

export type Window = '1h' | '24h' | '7d';
export interface ActivityView {
  from: Date;
  to: Date;
  bucketSeconds: number;
  buckets: {
    at: Date;
    requests: number;
    refusals: number;
    failures: number;
    tripwires: number;
    percentiles: { p50: number; p95: number; p99: number } | null;
  }[];
}
export interface ActivityMapView {
  from: Date;
  to: Date;
  edges: {
    sandboxId: string;
    sandboxName: string | null;
    secretName: string | null;
    host: string;
    requests: number;
    refusals: number;
  }[];
  capped: boolean;
}
export interface ActivityService {
  overTime(caller: Caller, window: Window): Promise<ActivityView>;
  map(caller: Caller, query: { window: Window; limit: number }): Promise<ActivityMapView>;
}

export interface CheckService {
  /** Makes one call to the provider, by way of the proxy. */
  test(
    caller: Caller,
    name: string,
    call: { method?: string | undefined; url?: string | undefined },
  ): Promise<SecretTestView>;
  /** Judges a request as the proxy would; nothing is sent. */
  explain(
    caller: Caller,
    name: string,
    request: { method: string; url: string; headers: Record<string, string> },
  ): Promise<SecretExplanationView>;
}
export interface SecretTestView {
  works: boolean | 'unknown';
  status: number | null;
  latencyMs: number | null;
  method: string;
  host: string;
  path: string;
  explanation: string;
}
export interface SecretExplanationView {
  outcome: 'swapped' | 'passed' | 'refused';
  host: string;
  standIns: { slot: string; swapped: boolean }[];
  wouldSend: string[];
  refused: RefusalHelp | null;
  explanation: string;
}
