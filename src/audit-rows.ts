/**
 * What the egress proxy tells of what it did, in the forms in which it crosses processes and is kept: the workers make
 * segments, the main process passes them on unread, and the store inserts them.
 */

/** Something that the egress proxy did. */
export interface ObservedEvent {
  kind: 'request' | 'connection';
  /** Milliseconds since the epoch. */
  ts: number;
  sandboxId: string;
  teamId: string;
  host: string;
  request?: ObservedRequest;
  connection?: ObservedConnection;
}

export interface ObservedRequest {
  method: string;
  path: string;
  status: number;
  upstreamStatus: number | null;
  latencyMs: number;
  errorCode: string | null;
  /** One row is kept for each; none: one row without a secret. */
  secretIds: readonly string[];
  /** Stand-ins that were found where they must not be, its own and those of others: each trips the wire. */
  foreign: readonly ForeignStandIn[];
  /** How it went; absent: nobody knows. */
  details?: ObservedDetails;
}

/** What is needed to explain a request: see `ExchangeRow`. */
export interface ObservedDetails {
  /** `<variable> <place>` of each of `secretIds`. */
  standIns: readonly string[];
  networkRule: string | null;
  address: string | null;
  port: number | null;
  tls: string | null;
  alpn: string | null;
  steps: ExchangeSteps;
  scrubbed: readonly [head: number, body: number] | null;
}

/** A stand-in where it must not be: whose it is, only the store can tell. */
export interface ForeignStandIn {
  /** `coreFingerprint` of its core. */
  fingerprint: string;
  /** Where it stood, without a value or a stand-in: see egress/inject-places.ts. */
  slot: string;
}

/**
 * A stand-in was seen where it must not be. `own`: its sandbox sent it out of place. `leaked`: another sandbox sent it.
 * `foreign`: this sandbox sent one that is not its own, whosever it is.
 */
export interface Tripwire {
  standIn: 'own' | 'leaked' | 'foreign';
  slot: string;
  /** What its secret asks for: `revoke` has detached the binding. */
  action: 'alert' | 'revoke';
}

export interface ObservedConnection {
  dstIp: string | null;
  dstPort: number;
  verdict: 'allowed' | 'blocked' | 'failed';
  matchRule: string | null;
  bytesSent: number;
  bytesRecv: number;
}

/**
 * An event as a segment keeps it. What is kept stays readable: a row of another layout is a row of another kind.
 * `secret` is a place in the segment's `secretIds`.
 */
export type AuditRow = RequestRow | ExchangeRow | ConnectionRow | TripwireRow | GapRow;

/** A path is without its query. Of before `ExchangeRow`. */
export type RequestRow = readonly [
  kind: 'request',
  ts: number,
  secret: number | null,
  host: string,
  method: string | null,
  path: string | null,
  status: number | null,
  upstreamStatus: number | null,
  latencyMs: number | null,
  errorCode: string | null,
];

/** A request with what is needed to explain it: docs/adr/0039. */
export type ExchangeRow = readonly [
  kind: 'exchange',
  ts: number,
  secret: number | null,
  host: string,
  method: string | null,
  path: string | null,
  status: number | null,
  upstreamStatus: number | null,
  latencyMs: number | null,
  errorCode: string | null,
  /** A number: the same as those of the row with this index in the segment. */
  facts: ExchangeFacts | number | null,
  /** Null: of the same request as the row before, for another of its secrets. */
  steps: ExchangeSteps | null,
  /** How often a real value was taken out of the answer's head and of its body; absent: never. */
  scrubbed?: readonly [head: number, body: number],
];

/** What many requests of a connection have in common. */
export type ExchangeFacts = readonly [
  /** `<variable> <place>` of the stand-in; null: there was none. */
  standIn: string | null,
  networkRule: string | null,
  /** What was dialled; null: nothing. */
  address: string | null,
  port: number | null,
  tls: string | null,
  alpn: string | null,
];

/** Tenths of a millisecond from the request's beginning on; null: it did not come to this. */
export type ExchangeSteps = readonly [
  judged: number | null,
  valueOpened: number | null,
  connected: number | null,
  firstByte: number | null,
  /** Of a connection made for it, tenths of a millisecond each took; absent: it had one already. */
  dialled?: number,
  tls?: number,
];

export type ConnectionRow = readonly [
  kind: 'connection',
  ts: number,
  secret: number | null,
  host: string,
  dstIp: string | null,
  dstPort: number | null,
  verdict: ObservedConnection['verdict'] | null,
  matchRule: string | null,
  bytesSent: number | null,
  bytesRecv: number | null,
];

export type TripwireRow = readonly [
  kind: 'tripwire',
  ts: number,
  secret: number | null,
  host: string,
  slot: string,
  standIn: Tripwire['standIn'],
  action: Tripwire['action'],
  errorCode: string | null,
];

/** Of what was under way between these two times events may be missing; `lost` says how many, where that is known. */
export type GapRow = readonly [kind: 'gap', ts: number, from: number, to: number, lost: number | null];

/** What a segment holds, as bits, so that a reader can pass over segments without what it looks for. */
export const traits = {
  '2xx': 1,
  '3xx': 2,
  '4xx': 4,
  '5xx': 8,
  /** A status of 400 and above, or an error code. */
  errors: 16,
  allowed: 32,
  blocked: 64,
  failed: 128,
  gap: 256,
  tripwire: 512,
} as const;

/** Consecutive events of one sandbox, which came together and are kept together. */
export interface AuditSegment {
  /** Null, as `sandboxId`: a gap, which is no sandbox's. */
  teamId: string | null;
  sandboxId: string | null;
  /** Each once, in the order in which `rows` number them. */
  secretIds: readonly string[];
  /** How many rows there are: at least one. */
  count: number;
  /** Of all rows, `traits` or-ed together. */
  traits: number;
  /** JSON: an array of `AuditRow`. */
  rows: string;
}

/** Events as a worker hands them over, all of them at once or none. */
export interface AuditBatch {
  segments: readonly AuditSegment[];
  /** How many events there are. */
  count: number;
  /** Secrets whose value went out, each with the time of its last use. */
  uses: readonly (readonly [secretId: string, ts: number])[];
  /** Events with stand-ins where they must not be: whose they are, only the store can tell. */
  strays: readonly ObservedEvent[];
}

/** A segment while rows come. */
export class OpenSegment {
  readonly #owner: Pick<AuditSegment, 'teamId' | 'sandboxId'>;
  readonly #secretIds: string[] = [];
  readonly #rows: AuditRow[] = [];
  readonly #facts: { facts: ExchangeFacts; index: number }[] = [];
  #traits = 0;

  constructor(owner: Pick<AuditSegment, 'teamId' | 'sandboxId'>) {
    this.#owner = owner;
  }

  get count(): number {
    return this.#rows.length;
  }

  /** The secret's number in this segment. */
  numberOf(secretId: string | null): number | null {
    if (secretId === null) return null;
    // A sandbox has few secrets, and a batch is short.
    const known = this.#secretIds.indexOf(secretId);
    return known === -1 ? this.#secretIds.push(secretId) - 1 : known;
  }

  /** The facts of a row to come, or the index of a row that has the same: most of what one connection does is alike. */
  factsOf(facts: ExchangeFacts): ExchangeFacts | number {
    for (const known of this.#facts) if (isSame(known.facts, facts)) return known.index;
    if (this.#facts.length < mostFacts) this.#facts.push({ facts, index: this.#rows.length });
    return facts;
  }

  push(row: AuditRow): void {
    this.#rows.push(row);
    this.#traits |= traitsOf(row);
  }

  close(): AuditSegment {
    const { teamId, sandboxId } = this.#owner;
    const rows = JSON.stringify(this.#rows);
    return { teamId, sandboxId, secretIds: this.#secretIds, count: this.#rows.length, traits: this.#traits, rows };
  }
}

/** A tripwire event, to be kept with the sandbox whose it is. */
export interface SeenTripwire extends Tripwire {
  ts: number;
  teamId: string;
  sandboxId: string;
  /** Null: `foreign`. */
  secretId: string | null;
  /** Of the request. */
  host: string;
  errorCode: string | null;
}

/** Gathers rows of many sandboxes into a segment for each. */
export class SegmentGroup {
  #open = new Map<string, OpenSegment>();

  /** Adds the row of an event for one of its secrets, or for none. */
  add(event: ObservedEvent, secretId: string | null): void {
    const segment = this.#segmentOf(event);
    segment.push(auditRow(event, { segment, secretId }));
  }

  addTripwire(seen: SeenTripwire): void {
    const segment = this.#segmentOf(seen);
    const { ts, secretId, host, slot, standIn, action, errorCode } = seen;
    const secret = segment.numberOf(secretId);
    segment.push(['tripwire', ts, secret, clip(host, maxHost), clip(slot, maxSlot), standIn, action, errorCode]);
  }

  #segmentOf({ teamId, sandboxId }: Pick<ObservedEvent, 'teamId' | 'sandboxId'>): OpenSegment {
    let segment = this.#open.get(sandboxId);
    if (segment === undefined) {
      segment = new OpenSegment({ teamId, sandboxId });
      this.#open.set(sandboxId, segment);
    }
    return segment;
  }

  /** All that was added, in the order in which the sandboxes came. */
  take(): AuditSegment[] {
    const segments: AuditSegment[] = [];
    for (const segment of this.#open.values()) segments.push(segment.close());
    this.#open = new Map();
    return segments;
  }
}

const maxHost = 255;
const maxMethod = 64;
const maxPath = 2048;
const maxSlot = 128;

/** As much of a request's path as is kept: without its query, which may hold a credential. */
export function keptPath(path: string): string {
  const query = path.indexOf('?');
  return clip(query === -1 ? path : path.slice(0, query), maxPath);
}

/** Facts that later rows of a segment may point at. */
const mostFacts = 16;

function isSame(a: ExchangeFacts, b: ExchangeFacts): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3] && a[4] === b[4] && a[5] === b[5];
}

/** The row of an event. */
function auditRow(
  event: ObservedEvent,
  { segment, secretId }: { segment: OpenSegment; secretId: string | null },
): AuditRow {
  const { ts, request, connection } = event;
  const secret = segment.numberOf(secretId);
  const host = clip(event.host, maxHost);
  if (request !== undefined) {
    const { status, upstreamStatus, latencyMs, errorCode } = request;
    const path = keptPath(request.path);
    const method = clip(request.method, maxMethod);
    const took = Math.round(latencyMs);
    const { details } = request;
    if (details === undefined)
      return ['request', ts, secret, host, method, path, status, upstreamStatus, took, errorCode];
    // Not among its own: a stand-in of another sandbox.
    const nth = secretId === null ? 0 : request.secretIds.indexOf(secretId);
    const { standIns, networkRule, address, port, tls, alpn, scrubbed } = details;
    const facts = segment.factsOf([standIns[nth] ?? null, networkRule, address, port, tls, alpn]);
    const steps = nth === 0 || request.secretIds.length === 0 ? details.steps : null;
    return scrubbed === null
      ? ['exchange', ts, secret, host, method, path, status, upstreamStatus, took, errorCode, facts, steps]
      : ['exchange', ts, secret, host, method, path, status, upstreamStatus, took, errorCode, facts, steps, scrubbed];
  }
  if (connection === undefined) return ['connection', ts, secret, host, null, null, null, null, null, null];
  const { dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv } = connection;
  return ['connection', ts, secret, host, dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv];
}

function traitsOf(row: AuditRow): number {
  if (row[0] === 'gap') return traits.gap;
  if (row[0] === 'tripwire') return traits.tripwire;
  if (row[0] === 'connection') return row[6] === null ? 0 : traits[row[6]];
  const status = row[6];
  const failed = row[9] !== null || (status !== null && status >= 400) ? traits.errors : 0;
  if (status === null || status < 200 || status >= 600) return failed;
  // 2xx to 5xx are the bits 0 to 3.
  return failed | (1 << (Math.trunc(status / 100) - 2));
}

/** Whether a value really went out: the upstream answered, or nothing went wrong. */
export function wasUse({ errorCode, upstreamStatus }: Pick<ObservedRequest, 'errorCode' | 'upstreamStatus'>): boolean {
  return errorCode === null || upstreamStatus !== null;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length);
}

/** What became of a request: refused by us, failed on the way, or neither. */
export type RequestVerdict = 'allowed' | 'blocked' | 'failed';

const failureCodes: ReadonlySet<string> = new Set([
  'client_closed_request',
  'vault_unavailable',
  'audit_unavailable',
  'shutting_down',
  'upstream_unreachable',
  'upstream_tls_failed',
  'upstream_protocol_error',
  'upstream_timeout',
  'response_unreadable',
]);

export function requestVerdict(errorCode: string | null): RequestVerdict {
  if (errorCode === null) return 'allowed';
  return failureCodes.has(errorCode) ? 'failed' : 'blocked';
}
