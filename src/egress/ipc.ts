import type { SendHandle } from 'node:child_process';
import type { AuditBatch } from '../audit-rows.ts';
import type { FreshNames, GivenNames } from './given-names.ts';
import type { EgressSettings, LeafCertificate, SandboxSnapshot } from './ports.ts';

/**
 * What the main process and an egress worker say to each other, over the worker's IPC channel (a socket pair: nothing
 * on disk, nothing in an argument or the environment).
 */
export type ToWorker =
  | { type: 'start'; settings: EgressSettings }
  /** `value` answers carry the bytes of one secret: the only place where one crosses processes. */
  | { type: 'answer'; id: number; ok: true; result: Answer }
  | { type: 'answer'; id: number; ok: false }
  /** Forget what you hold of these sandboxes (null: of all); acknowledged by `forgotten`. */
  | { type: 'forget'; id: number; sandboxIds: string[] | null }
  /** Comes with a handle. */
  | {
      type: 'listen';
      sandboxId: string;
      kind: 'http' | 'https' | 'proxy' | 'dns-udp' | 'dns-tcp' | 'other';
      port: number;
    }
  /** Before its listeners: what the sandbox's resolver gave addresses to in another worker. */
  | { type: 'names'; sandboxId: string; given: GivenNames }
  | { type: 'unlisten'; sandboxId: string }
  | { type: 'drain' };

export type FromWorker =
  | { type: 'listening'; port: number }
  | { type: 'failed'; message: string }
  | { type: 'ask'; id: number; ask: Ask }
  | { type: 'forgotten'; id: number }
  /** The sandbox's resolver gave the addresses from number `first` on to these names. */
  | ({ type: 'named' } & FreshNames)
  /** Every second: every event of before that time, in milliseconds since the epoch, is durable. */
  | { type: 'settled'; at: number }
  /** So many events from `since` (milliseconds since the epoch) until now could not be made. */
  | { type: 'lost'; since: number; count: number }
  /** Acknowledged by an `answer` once durable. */
  | { type: 'events'; id: number; batch: AuditBatch };

export type Ask =
  | { what: 'sandbox'; sandboxId: string }
  | { what: 'value'; sandboxId: string; secretId: string; version: number }
  | { what: 'leaf'; host: string };

export type Answer =
  | { what: 'sandbox'; sandbox: SandboxSnapshot | null }
  | { what: 'value'; value: Uint8Array | null }
  | { what: 'leaf'; leaf: LeafCertificate }
  | { what: 'recorded' };

/** Node's IPC carries native handles too, which its types leave out. */
export function isSendable(handle: unknown): handle is SendHandle {
  return typeof handle === 'object' && handle !== null;
}
