import type { AuditBatch, ObservedEvent } from '../audit-rows.ts';
import type { Secret } from '../crypto/secret.ts';

/**
 * What the data plane knows of the world and asks of it. Everything here but `Secret` is plain data that crosses a
 * process boundary; nothing here names a database, a key service or an API.
 */

/** What a worker knows of a sandbox: its rules and stand-ins, never a value. */
export interface SandboxSnapshot {
  id: string;
  teamId: string;
  /** The sandbox was deleted: whoever knows its token gets 403 `sandbox_revoked`. It has no rules and no bindings. */
  deleted?: true;
  /** SHA-256 of the proxy token, hex. */
  proxyTokenHash: string;
  network: NetworkRules;
  bindings: BindingSnapshot[];
}

export interface NetworkRules {
  /** CIDRs, addresses, domains and `*.domains`. Empty with an empty `denyOut`: any public address. */
  allowOut: string[];
  denyOut: string[];
  /** Which TLS is opened: all of it (where absent), or only that to hosts which a binding names. */
  intercept?: 'all' | 'bound';
  /** Domains and `*.domains` whose TLS is never opened; a host that a binding names is opened all the same. */
  tunnelOut?: string[];
}

export interface BindingSnapshot {
  id: string;
  envKey: string;
  standIn: string;
  secretId: string;
  secretName: string;
  version: number;
  /** `revoked`: the secret was deleted; its stand-in is answered with 503 `credential_revoked`. */
  state: 'live' | 'revoked';
  rules: HostRule[];
}

/** How a secret is sent to some of its hosts. */
export interface HostRule {
  /** Exact lower-case A-label names, or `*.suffix` for exactly one more label. */
  hosts: string[];
  /** Where its stand-in may stand; the first that fits decides what is written. */
  slots: Slot[];
}

export type Slot = HeaderSlot | BasicSlot | QuerySlot;

/** The stand-in as a header's value, framed by `before` and `after` (`before` compared without regard to case). */
export interface HeaderSlot {
  kind: 'header';
  /** As it is written upstream. */
  name: string;
  before: string;
  after: string;
  /** Every header the rule owns: removed in every spelling and repetition, then written with the real value. */
  set: { name: string; before: string; after: string }[];
}

/** The stand-in as the password (or lone user name) of `Authorization: Basic`. */
export interface BasicSlot {
  kind: 'basic';
  /** Null: the client's own user name is kept, `x` where it sent none. */
  username: string | null;
  /** `username`: the key is the user name and the password is empty, as Stripe has it. Otherwise `password`. */
  place: 'password' | 'username';
}

/** The stand-in as the value of one query parameter. */
export interface QuerySlot {
  kind: 'query';
  name: string;
}

/** What a worker asks of the control plane. Each may reject: the vault is then out of reach, and the request refused. */
export interface ControlPort {
  /** Null: no such sandbox. */
  sandbox(id: string): Promise<SandboxSnapshot | null>;
  /** Null: revoked since. */
  value(ask: { sandboxId: string; secretId: string; version: number }): Promise<Secret | null>;
  leaf(host: string): Promise<LeafCertificate>;
  record(event: ObservedEvent): void;
}

export interface LeafCertificate {
  /** PEM: the leaf, then the CA. */
  cert: string;
  /** PEM, PKCS #8. */
  key: string;
  /** Milliseconds since the epoch; ask for a new one before. */
  notAfter: number;
}

/** The control plane's side of the same, in the main process. */
export interface ControlPlane {
  snapshot(sandboxId: string): Promise<SandboxSnapshot | null>;
  openSecret(ask: { sandboxId: string; secretId: string; version: number }): Promise<Secret | null>;
  /** Resolves when all of them are durable. */
  record(batches: readonly AuditBatch[]): Promise<void>;
  /**
   * Of requests that were under way between these times events may be missing: a worker ended before it could hand them
   * over. `lost`: how many, where known.
   */
  recordGap(gap: { from: Date; to: Date; lost: number | null }): Promise<void>;
}

/** What the egress needs to know at its start; plain data, handed to every worker. */
export interface EgressSettings {
  proxyListen: { host: string; port: number };
  /** Where a name is really dialled, as curl's `--connect-to`. */
  connectTo: { host: string; port: number; address: string; toPort: number }[];
  /** PEM roots trusted for upstreams beside the system's. */
  extraRoots: string | null;
  allowPrivate: string[];
  /** Lower-case names to which real values may go without TLS. */
  cleartextHosts: string[];
  firstByteTimeoutMs: number;
  /** How long a decrypted value may be held. */
  valueTtlMs: number;
  /** Whether answers are searched for the values of bound secrets. */
  scrub: boolean;
  /** Of each sandbox in each worker; 0: none, but for the length of a request's head. */
  limits: { connections: number; requestsPerSecond: number; bytesPerSecond: number; headBytes: number };
  logLevel: string;
}
