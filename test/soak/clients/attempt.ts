import { TunnelRefused } from '../../support/proxy-client.ts';
import { upstreamMark } from '../behaviours.ts';
import type { Asked, Intent } from '../ledger.ts';
import { valuePatterns } from '../marks.ts';
import { StreamSearch } from '../stream-search.ts';
import type { Findings } from '../violations.ts';
import type { World } from '../world.ts';

/**
 * A request may stand still this long: a dial of 10 s, an answer of the vault of 10 s, the slowest upstream, and room for a
 * machine that is busy.
 */
export const timeLimitMs = 45_000;

/** What an attempt may do besides: be told when its time is over. */
export interface Attempt {
  number: number;
  /** Something of the answer came: it does not stand still. Sixteen downloads on a busy machine take their time. */
  readonly moved: () => void;
  /** Called once where it stood still for too long. */
  readonly onAbandoned: (close: () => void) => void;
  /** `say` will be asked how far it has come, if it is never answered. */
  readonly reached: (say: () => string) => void;
}

/**
 * Enters a request into the ledger and does `work`, which says there what came. Where it throws, the connection broke
 * or CONNECT was refused; it never throws itself. Answers the entry.
 */
export async function attempt(
  { ledger }: Pick<World, 'ledger'>,
  intent: Intent,
  work: (attempt: Attempt) => Promise<void>,
): Promise<Asked | undefined> {
  const number = ledger.ask(intent);
  const closers: (() => void)[] = [];
  let stage = () => 'connecting';
  const limit = Promise.withResolvers<'hung'>();
  const timer = setTimeout(() => limit.resolve('hung'), timeLimitMs);
  const done = work({
    number,
    moved: () => void timer.refresh(),
    onAbandoned: (close) => void closers.push(close),
    reached: (now) => {
      stage = now;
    },
  }).catch((error: unknown) => {
    if (error instanceof TunnelRefused) {
      const { status } = error.response;
      ledger.refused(number, { status, code: error.response.header('x-standin-error') });
    } else ledger.broken(number);
  });
  const end = await Promise.race([done, limit.promise]);
  clearTimeout(timer);
  if (end === 'hung') {
    ledger.hung(number, stage());
    for (const close of closers) close();
  }
  return ledger.asked[number];
}

/** Enters an answer's head: the upstream's by its mark, else the proxy's own. */
export function enterHead(
  { ledger }: Pick<World, 'ledger'>,
  number: number,
  head: { status: number; header(name: string): string | undefined },
): 'answered' | 'refused' {
  if (head.header(upstreamMark) !== undefined) {
    ledger.answered(number);
    return 'answered';
  }
  ledger.refused(number, { status: head.status, code: head.header('x-standin-error') });
  return 'refused';
}

/** Searches all that a client receives; give it the bytes of one connection, or of one answer, in their order. */
export function watchReceived(findings: Findings, who: string): (bytes: Buffer) => void {
  const search = new StreamSearch(valuePatterns);
  return (bytes) => {
    findings.checked('value_to_client', bytes.length);
    for (const { form, around } of search.push(bytes)) {
      findings.violate('value_to_client', `${who} received a value (${form}): ${around}`);
    }
  };
}

/** Judges an answer that had to hold a credential: it must hold the stand-in. */
export function judgeEcho(findings: Findings, intent: Intent & { number: number }, text: string): void {
  if (intent.binding === null) return;
  findings.checked('echo_without_stand_in');
  if (text.includes(intent.binding.standIn)) return;
  findings.violate('echo_without_stand_in', `request ${intent.number} (${intent.kind}, ${intent.host})`);
}
