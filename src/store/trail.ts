import type { AuditSegment, Tripwire } from '../audit-rows.ts';

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
  /** Walks the chain of all events there are when it is called. Rejects with the signal's reason where that aborts. */
  verify(options?: VerifyOptions): Promise<TrailVerdict>;
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
