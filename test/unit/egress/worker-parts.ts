import { createSecureContext } from 'node:tls';
import type { ObservedEvent } from '../../../src/audit-rows.ts';
import { ConnectionTable, FailureThrottle } from '../../../src/egress/context.ts';
import type { EgressContext } from '../../../src/egress/context.ts';
import { ControlLink } from '../../../src/egress/control-link.ts';
import type { FromWorker } from '../../../src/egress/ipc.ts';
import type { LeafCertificate, SandboxSnapshot } from '../../../src/egress/ports.ts';
import { SandboxRegistry } from '../../../src/egress/registry.ts';
import { LeafContexts } from '../../../src/egress/tls/contexts.ts';
import { Turns } from '../../../src/egress/turns.ts';
import { UpstreamPool } from '../../../src/egress/upstream.ts';
import type { UpstreamOptions } from '../../../src/egress/upstream.ts';
import { createLogger } from '../../../src/log.ts';
import { makeAddressGuard } from '../../../src/net/address.ts';

/** A control plane that knows what it is told, and can be made to wait or to fail. */
export class PlayedControl extends ControlLink {
  readonly recorded: ObservedEvent[] = [];
  readonly sandboxes = new Map<string, SandboxSnapshot>();
  /** How often it was asked for a sandbox. */
  asked = 0;
  /** How many requests had to wait for room. */
  waited = 0;
  answers: 'at once' | 'never' | 'fails' = 'at once';
  /** What it hands out for every name. */
  certificate: LeafCertificate | null = null;
  /** What it was told by way of IPC: events only, and only those that `ControlLink` itself records. */
  readonly posted: FromWorker[];
  readonly #waiting: (() => void)[] = [];

  constructor() {
    const posted: FromWorker[] = [];
    super((message) => posted.push(message));
    this.posted = posted;
  }

  override async sandbox(id: string): Promise<SandboxSnapshot | null> {
    this.asked += 1;
    if (this.answers === 'fails') throw new Error('the control plane does not answer');
    if (this.answers === 'never') await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.sandboxes.get(id) ?? null;
  }

  /** Answers those who wait. */
  answer(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  override leaf(): Promise<LeafCertificate> {
    if (this.certificate === null) return Promise.reject(new Error('there are no certificates here'));
    return Promise.resolve(this.certificate);
  }

  override whenThereIsRoom(sandboxId: string | null, go: () => void): void {
    this.waited += 1;
    super.whenThereIsRoom(sandboxId, go);
  }

  override record(event: ObservedEvent): void {
    this.recorded.push(event);
  }
}

/** A worker's parts around a played control plane. */
export function workerParts(options: Partial<UpstreamOptions> = {}): {
  context: EgressContext;
  control: PlayedControl;
} {
  const control = new PlayedControl();
  const turns = new Turns(() => 0);
  const context: EgressContext = {
    control,
    registry: new SandboxRegistry(control, { valueTtlMs: 1000, scrub: true }),
    contexts: new LeafContexts(control),
    pool: new UpstreamPool({ secureContext: createSecureContext(), connectTo: [], turns, ...options }),
    guard: makeAddressGuard([]),
    failures: new FailureThrottle(),
    connections: new ConnectionTable(),
    turns,
    firstByteTimeoutMs: 1000,
    log: createLogger({ level: 'silent' }),
  };
  return { context, control };
}
