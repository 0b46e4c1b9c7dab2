import type { ExchangeSteps, ObservedDetails } from '../audit-rows.ts';
import type { Admission } from './admission.ts';
import type { ResponseRelay } from './response-relay.ts';
import type { LinkFacts } from './upstream-link.ts';

/** When the steps of one request were done, for those who ask later why it took so long: docs/adr/0039. */
export class ExchangeTrace {
  readonly #begun = performance.now();
  #valueOpened: number | null = null;
  #connected: number | null = null;
  #firstByte: number | null = null;
  #link: LinkFacts | null = null;
  /** The connection was made for this request. */
  #isFirst = false;

  valueOpened(): void {
    this.#valueOpened = this.#now();
  }

  connected(link: LinkFacts): void {
    this.#connected = this.#now();
    this.#link = link;
    this.#isFirst = !link.used;
    link.used = true;
  }

  answered(): void {
    this.#firstByte ??= this.#now();
  }

  details({ entry, target, standIns, judgedAt }: Admission, relay: ResponseRelay | null): ObservedDetails {
    const link = this.#link;
    const judged = judgedAt === null ? null : tenths(judgedAt - this.#begun);
    const opened = standIns.length === 0 ? null : this.#valueOpened;
    const made = this.#isFirst && link !== null;
    const steps: ExchangeSteps = made
      ? [judged, opened, this.#connected, this.#firstByte, link.dialled, link.handshake]
      : [judged, opened, this.#connected, this.#firstByte];
    return {
      standIns,
      networkRule: entry === null || target === null ? null : entry.rules.network.judgeHost(target.host).rule,
      address: link?.address ?? null,
      port: link === null ? null : link.port,
      tls: link?.tls ?? null,
      alpn: link?.alpn ?? null,
      steps,
      scrubbed: relay?.scrubbed ?? null,
    };
  }

  #now(): number {
    return tenths(performance.now() - this.#begun);
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10);
}
