import type { Socket } from 'node:net';
import type { ObservedConnection } from '../audit-rows.ts';
import type { EgressContext } from './context.ts';
import { recordConnection } from './recorder.ts';
import type { SandboxEntry } from './registry.ts';

/** What a connection, or a part of it, was for. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export type ConnectionOutcome = Pick<ObservedConnection, 'verdict' | 'matchRule' | 'dstIp'>;

interface Row extends ConnectionOutcome {
  readonly sandbox: { readonly id: string; readonly teamId: string };
  readonly host: string;
  readonly port: number;
  bytesSent: number;
  bytesRecv: number;
}

/** Whose a connection is and what it was opened to, as far as the listener knows: `place` is null on a proxy's port. */
interface Expected {
  readonly sandboxId: string;
  readonly place: Place | null;
}

const unused = 'no request';
/** Codes of requests that were allowed and came to nothing, beside the upstream's own. */
const notOurDoing = new Set(['client_closed_request', 'vault_unavailable', 'audit_unavailable']);
/** Hosts of one connection whose rows are held: requests to a proxy may name another each time. */
const maxHeld = 32;
/** What became of a connection by the most that any request on it came to. */
const rank: Record<ObservedConnection['verdict'], number> = { blocked: 0, failed: 1, allowed: 2 };

/**
 * The rows of one client connection: one for each host that it was used for, with the bytes of its time, written when the
 * connection is over. Of many hosts those used least recently are written before.
 */
export class ConnectionRows {
  readonly #context: EgressContext;
  readonly #socket: Socket;
  #current: Row | null = null;
  #others: Map<string, Row> | null = null;
  readonly #expected: Expected | null;
  /** Why what came was no request that could be read. */
  #unread: string | null = null;
  /** What has been put down to a host. */
  #sent = 0;
  #received = 0;

  /** `expected`: null where only its requests say whose it is. */
  constructor(context: EgressContext, socket: Socket, expected: Expected | null) {
    this.#context = context;
    this.#socket = socket;
    this.#expected = expected;
  }

  /** A request went to this address. Called for each request: costs next to nothing where the host stays the same. */
  reached(entry: SandboxEntry, place: Place, address: string): void {
    const row = this.#rowOf(entry, place);
    row.dstIp = address;
    if (row.verdict === 'allowed') return;
    row.verdict = 'allowed';
    row.matchRule = entry.rules.network.judgeHost(row.host).rule;
  }

  /** A request was refused, or its host could not be reached. */
  refused(entry: SandboxEntry, place: Place, outcome: ConnectionOutcome): void {
    const row = this.#rowOf(entry, place);
    if (row.matchRule !== unused && rank[row.verdict] >= rank[outcome.verdict]) return;
    row.verdict = outcome.verdict;
    row.matchRule = outcome.matchRule;
    row.dstIp = outcome.dstIp;
  }

  /** A request was answered with this code by the proxy itself, wherever it was for. */
  answered(entry: SandboxEntry, place: Place | null, code: string): void {
    const known = place ?? this.#expected?.place ?? null;
    if (known === null) return;
    const verdict = code.startsWith('upstream_') || notOurDoing.has(code) ? 'failed' : 'blocked';
    this.refused(entry, known, { verdict, matchRule: code, dstIp: null });
  }

  /** What came was no request that could be read. */
  unread(code: string): void {
    this.#unread ??= code;
  }

  /** The connection is over. */
  close(): void {
    this.#account();
    if (this.#current === null) this.#writeUnused();
    else this.#write(this.#current);
    for (const row of this.#others?.values() ?? []) this.#write(row);
    this.#current = null;
    this.#others = null;
  }

  #rowOf(entry: SandboxEntry, { host, port }: Place): Row {
    const { id } = entry.snapshot;
    const current = this.#current;
    if (current !== null) {
      if (current.host === host && current.port === port && current.sandbox.id === id) return current;
      this.#account();
      this.#keep(current);
    }
    const key = `${id}|${host}|${port}`;
    const known = this.#others?.get(key);
    this.#others?.delete(key);
    const row = known ?? {
      sandbox: { id, teamId: entry.snapshot.teamId },
      // A string of its own: a piece of the head would keep all of the head alive.
      host: Buffer.from(host, 'latin1').toString('latin1'),
      port,
      dstIp: null,
      verdict: 'failed',
      matchRule: unused,
      bytesSent: 0,
      bytesRecv: 0,
    };
    this.#current = row;
    return row;
  }

  #keep(row: Row): void {
    const others = (this.#others ??= new Map());
    if (others.size >= maxHeld) {
      for (const [key, oldest] of others) {
        others.delete(key);
        this.#write(oldest);
        break;
      }
    }
    others.set(`${row.sandbox.id}|${row.host}|${row.port}`, row);
  }

  /** What has come and gone since the last change of hosts is the present one's. */
  #account(): void {
    const { bytesRead, bytesWritten } = this.#socket;
    if (this.#current === null) return;
    this.#current.bytesSent += bytesRead - this.#sent;
    this.#current.bytesRecv += bytesWritten - this.#received;
    this.#sent = bytesRead;
    this.#received = bytesWritten;
  }

  #writeUnused(): void {
    const expected = this.#expected;
    if (expected === null || (expected.place === null && this.#unread === null)) return;
    const { host, port } = expected.place ?? { host: '', port: 0 };
    recordOf(this.#context, expected.sandboxId, {
      host,
      dstIp: null,
      dstPort: port,
      verdict: this.#unread === null ? 'failed' : 'blocked',
      matchRule: this.#unread ?? unused,
      bytesSent: this.#socket.bytesRead,
      bytesRecv: this.#socket.bytesWritten,
    });
  }

  #write({ sandbox, port, ...row }: Row): void {
    recordConnection(this.#context, sandbox, { ...row, dstPort: port });
  }
}

/** Puts down what became of a connection of which only the sandbox's id is at hand. */
export function recordOf(context: EgressContext, sandboxId: string, row: Parameters<typeof recordConnection>[2]): void {
  const owner = context.registry.ownerOf(sandboxId);
  if (owner !== undefined) {
    recordConnection(context, owner, row);
    return;
  }
  const since = Date.now();
  // Whose trail it belongs to cannot be told, so it can only be counted there.
  const lose = (why: string) => {
    context.control.countLost(since);
    context.log.error({ sandboxId, host: row.host }, `the row of a connection is lost, and counted as such: ${why}`);
  };
  context.registry.load(sandboxId).then(
    (entry) => (entry === null ? lose('there is no such sandbox') : recordConnection(context, entry.snapshot, row)),
    () => lose('the vault does not answer'),
  );
}
