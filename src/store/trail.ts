import type { AuditSegment, ExchangeFacts, ExchangeSteps, RequestVerdict, Tripwire } from '../audit-rows.ts';

/** One thing the egress proxy did or saw: a request (judged by itself), a connection, a stand-in out of place. */
export interface EventRecord {
  kind: 'request' | 'connection' | 'tripwire';
  ts: Date;
  teamId: string;
  sandboxId: string;
  /** Null for a request without a stand-in. A request with two secrets has a row for each. */
  secretId: string | null;
  host: string;
  // requests
  method: string | null;
  /** Without the query. */
  path: string | null;
  status: number | null;
  upstreamStatus: number | null;
  latencyMs: number | null;
  errorCode: string | null;
  // connections
  dstIp: string | null;
  dstPort: number | null;
  verdict: 'allowed' | 'blocked' | 'failed' | null;
  matchRule: string | null;
  bytesSent: number | null;
  bytesRecv: number | null;
  /** Of that kind only, which has an `errorCode` besides. */
  tripwire: Tripwire | null;
}
export interface StoredEvent extends EventRecord {
  /** Rising integer, the cursor. */
  id: number;
  /** Null once the sandbox is deleted. */
  sandboxName: string | null;
}
export type StatusClass = '2xx' | '3xx' | '4xx' | '5xx' | 'errors';
export interface EventStore {
  /**
   * Numbered, chained and inserted in their order, all or nothing, as they are but for text that the databases cannot
   * hold. Durable when resolved.
   */
  append(segments: readonly AuditSegment[]): Promise<void>;
  /**
   * Events of a secret, newest first, of the kinds asked for (requests, where nothing is said); `before` is exclusive.
   * `errors` is status >= 400 or an error code.
   */
  bySecret(
    secretId: string,
    page: { limit: number; before?: number; status?: StatusClass; kinds?: readonly EventRecord['kind'][] },
  ): Promise<StoredEvent[]>;
  /** Rows of a sandbox, newest first, of the kinds asked for (every one, where nothing is said). */
  bySandbox(
    sandboxId: string,
    page: {
      limit: number;
      /** An id, exclusive. */
      before?: number;
      /** Inclusive. */
      since?: Date;
      /** Exclusive. */
      until?: Date;
      /** Of connections; requests that were answered by the upstream are `allowed`, others `blocked` or `failed`. */
      verdict?: NonNullable<EventRecord['verdict']>;
      kinds?: readonly EventRecord['kind'][];
    },
  ): Promise<StoredEvent[]>;
  /** Requests and tripwires of a team, newest first. A search that takes long stops on its way: see `FoundEvents`. */
  search(teamId: string, query: EventSearch): Promise<FoundEvents>;
  /** What came after an id, oldest first, of one team; `lastId`: up to where it was looked. */
  after(teamId: string, lastId: number, query: EventFilter): Promise<{ events: StoredEvent[]; lastId: number }>;
  /** The newest id there is; 0: there is none. */
  lastId(): Promise<number>;
  /** All rows of one request (or the one tripwire), with what is known of how it went; empty where the team has none. */
  explained(teamId: string, id: number): Promise<ExplainedEvent[]>;
  /** Walks the chain of all events there are when it is called. Rejects with the signal's reason where that aborts. */
  verify(options?: VerifyOptions): Promise<TrailVerdict>;
}

export interface EventFilter {
  sandboxId?: string;
  secretId?: string;
  host?: string;
  verdict?: RequestVerdict;
  status?: StatusClass;
  kinds: readonly ('request' | 'tripwire')[];
}
export interface EventSearch extends EventFilter {
  limit: number;
  /** An id, exclusive. */
  before?: number;
  /** Inclusive. */
  since?: Date;
  /** Exclusive. */
  until?: Date;
}
export interface FoundEvents {
  events: StoredEvent[];
  /** From where to go on, as `before`: there are more, or the search was long. Null: that was all. */
  next: number | null;
}
/** How a request went, as its row has it. */
export interface ExchangeDetails {
  facts: ExchangeFacts | null;
  steps: ExchangeSteps | null;
  scrubbed: readonly [head: number, body: number] | null;
}
export interface ExplainedEvent extends StoredEvent {
  details: ExchangeDetails | null;
}

/** Figures of the trail, made a little later than it: `rollUp` makes those that are missing. */
export interface ActivityStore {
  /** Counts what has come since; true where there may be more to count. Any number of processes may do so at once. */
  rollUp(): Promise<boolean>;
  /** Stretches of `width` seconds that begin within [from, to), those with nothing in them left out. */
  totals(teamId: string, query: ActivityRange): Promise<ActivityTotal[]>;
  /**
   * How often these secrets were used and refused from `from` on, by stretches of `width` seconds, whole hours; those with
   * nothing in them left out.
   */
  secretUses(secretIds: readonly string[], query: Pick<ActivityRange, 'width' | 'from'>): Promise<SecretUses[]>;
  /** The busiest of sandbox, secret and host; counts are exact, and of near equals others may be named. */
  busiest(
    teamId: string,
    query: ActivityRange & { limit: number },
  ): Promise<{ edges: ActivityEdge[]; capped: boolean }>;
}
export interface ActivityRange {
  width: number;
  from: Date;
  to: Date;
}
export interface ActivityTotal {
  at: Date;
  requests: number;
  refusals: number;
  failures: number;
  tripwires: number;
  /** Milliseconds below which half, 95 and 99 in a hundred of the answered ones were; null: none was answered. */
  percentiles: { p50: number; p95: number; p99: number } | null;
}
export interface SecretUses {
  secretId: string;
  at: Date;
  uses: number;
  refusals: number;
}
export interface ActivityEdge {
  sandboxId: string;
  /** Null once the sandbox is deleted. */
  sandboxName: string | null;
  secretId: string | null;
  host: string;
  requests: number;
  refusals: number;
}

export interface VerifyOptions {
  /** An end of the trail that an earlier call answered: it must still be there, and the walk begins after it. */
  since?: { lastId: number; hash: Uint8Array };
  signal?: AbortSignal;
  /** Called now and then with how many events were walked. */
  onProgress?: (events: number) => void;
}
/** Of what was under way between two times events may be missing. */
export interface GapRecord {
  id: number;
  ts: Date;
  from: Date;
  to: Date;
  /** How many, where that is known. */
  lost: number | null;
}
/** Where the trail first is not what was written. */
export interface AuditBreak {
  /** The first event that is not as it was, or is not there. */
  id: number;
  /**
   * `edited`: this segment, or the one before it with a hash made anew. `removed`: events between two others.
   * `inserted`: an event that was not written here. `cut_off`: the end is missing. `other_head`: the end, or the end that
   * the caller knows, is another. `unlisted`: it is there, but would not be shown with its sandbox or secret.
   */
  how: 'edited' | 'removed' | 'inserted' | 'cut_off' | 'other_head' | 'unlisted';
}
export interface TrailVerdict {
  /** What was walked and found whole. */
  segments: number;
  events: number;
  /** The end of what was found whole; kept elsewhere, it shows a later rewriting of everything. */
  lastId: number;
  /** SHA-256, hex. */
  lastHash: string;
  /** What could not be kept; the newest hundred are named. */
  gaps: { count: number; newest: GapRecord[] };
  broken: AuditBreak | null;
}
