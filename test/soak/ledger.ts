import { refusals } from '../../src/egress/refusals.ts';
import type { ValueName } from './marks.ts';
import type { Findings } from './violations.ts';

/**
 * All that clients asked, what came of it, and which credential was right when. Times are milliseconds since the epoch,
 * by the one clock of the machine.
 */

/** One stand-in of one sandbox, from its attaching to its detaching. */
export interface Binding {
  box: number;
  secret: number;
  standIn: string;
  /** When detaching it was begun. */
  endingAt: number | null;
  /** When the API had answered that it is detached. */
  endedAt: number | null;
}

/** What a client sends, as far as the ledger judges it. */
export interface Intent {
  box: number;
  host: string;
  /** What kind of request, for the counts. */
  kind: string;
  /** The stand-in in its slot; null: none. */
  binding: Binding | null;
  /** It must be refused: it carries a stand-in out of place, or one that nobody has. */
  forbidden: boolean;
}

export type Outcome = 'open' | 'answered' | 'refused' | 'broken' | 'hung';

export interface Asked extends Intent {
  sentAt: number;
  endedAt: number;
  outcome: Outcome;
  /** Of a refusal. */
  code: string | null;
}

/** A request as an upstream received it. */
export interface Sighting {
  /** Of the request, by its path; null where the path says none. */
  number: number | null;
  host: string;
  /** In the head. */
  values: ValueName[];
}

/** The states that a client that does everything right may find the server in. */
const passing = new Set([
  'vault_unavailable',
  'audit_unavailable',
  'upstream_unreachable',
  'upstream_protocol_error',
  'upstream_timeout',
  // A handshake that the upstream broke off.
  'upstream_tls_failed',
]);
/** Requests out of a namespace, whose names a worker resolves. */
export const insideKind = 'inside';
/** Times are taken in several processes, in whole milliseconds. */
const clockSlackMs = 2;

export class Ledger {
  readonly #findings: Findings;
  readonly asked: Asked[] = [];
  /** `kind outcome` → how many. */
  readonly counts = new Map<string, number>();
  /** Refusals by code. */
  readonly codes = new Map<string, number>();
  /** When a version of a secret was out for certain: `secret.version` → time. */
  readonly #outAt = new Map<string, number>();
  sightings = 0;
  valuesSeen = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Enters a request that is about to be sent; answers its number. */
  ask(intent: Intent): number {
    this.asked.push({ ...intent, sentAt: Date.now(), endedAt: 0, outcome: 'open', code: null });
    return this.asked.length - 1;
  }

  /** All versions before this one are out, since the API has answered. */
  rotatedOut(secret: number, before: number, at: number): void {
    for (let version = before - 1; version >= 0; version--) {
      const key = `${secret}.${version}`;
      if (this.#outAt.has(key)) return;
      this.#outAt.set(key, at);
    }
  }

  /** The upstream's head was read, however its content ended. */
  answered(number: number): void {
    const entry = this.#end(number, 'answered');
    if (entry.forbidden) this.#findings.violate('misplaced_passed', describe(entry, number));
    else this.#findings.checked('undocumented_answer');
  }

  /** The proxy itself answered. */
  refused(number: number, { code, status }: { code: string | undefined; status: number }): void {
    const entry = this.#end(number, 'refused');
    entry.code = code ?? null;
    this.codes.set(code ?? 'none', (this.codes.get(code ?? 'none') ?? 0) + 1);
    this.#findings.checked('undocumented_answer');
    if (entry.forbidden) this.#findings.checked('misplaced_passed');
    const documented = Object.entries(refusals).some(([name, its]) => name === code && its === status);
    if (documented && (entry.forbidden || this.#fits(entry, code ?? ''))) return;
    this.#findings.violate('undocumented_answer', `${describe(entry, number)}: ${status} ${code ?? 'without a code'}`);
  }

  /** The connection ended before an answer; faults do that. */
  broken(number: number): void {
    this.#end(number, 'broken');
  }

  /** Its content came to an end, or its connection was closed in order: now, or when somebody else says it was. */
  finished(number: number, at = Date.now()): void {
    const entry = this.asked[number];
    if (entry !== undefined) entry.endedAt = at;
  }

  /** Neither answer nor end came in time; `stage` is how far it had come. */
  hung(number: number, stage: string): void {
    const entry = this.#end(number, 'hung');
    this.#findings.violate('hung', `${describe(entry, number)}: ${stage}`);
  }

  /** Judges what an upstream received. */
  sighted({ number, host, values }: Sighting): void {
    this.sightings += 1;
    this.valuesSeen += values.length;
    const entry = number === null ? undefined : this.asked[number];
    this.#findings.checked('value_elsewhere', values.length);
    this.#findings.checked('value_too_late', values.length);
    if (entry?.forbidden === true) this.#findings.violate('misplaced_passed', `${describe(entry, number)} at ${host}`);
    for (const { secret, version } of values) {
      const what = `value ${secret}.${version} at ${host}, request ${number ?? 'unknown'}`;
      if (entry === undefined || entry.binding?.secret !== secret || entry.host !== host) {
        this.#findings.violate('value_elsewhere', `${what}: ${entry === undefined ? '' : describe(entry, number)}`);
        continue;
      }
      const gone = Math.min(
        this.#outAt.get(`${secret}.${version}`) ?? Number.POSITIVE_INFINITY,
        entry.binding.endedAt ?? Number.POSITIVE_INFINITY,
      );
      if (entry.sentAt > gone + clockSlackMs) {
        this.#findings.violate('value_too_late', `${what}: out for ${entry.sentAt - gone} ms when it was sent`);
      }
    }
  }

  /** Whether a client that does everything right may be refused with this now. */
  #fits({ binding }: Asked, code: string): boolean {
    if (passing.has(code)) return true;
    // Detached before the request came, or while it was under way.
    const ending = binding !== null && binding.endingAt !== null;
    return ending && (code === 'credential_not_bound' || code === 'credential_revoked');
  }

  #end(number: number, outcome: Outcome): Asked {
    const entry = this.asked[number];
    if (entry === undefined) throw new Error(`no request ${number} was asked`);
    // What was answered stays so, also where its content is cut off later.
    if (entry.outcome === 'open') {
      const key = `${entry.kind} ${outcome}`;
      this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
      entry.outcome = outcome;
      this.#findings.checked('hung');
    }
    entry.endedAt = Date.now();
    return entry;
  }
}

function describe({ kind, box, host, binding, sentAt }: Asked, number: number | null): string {
  const secret = binding === null ? '' : `, secret ${binding.secret}`;
  return `request ${number ?? '?'} (${kind}, sandbox ${box}, ${host}${secret}, sent ${new Date(sentAt).toISOString()})`;
}
