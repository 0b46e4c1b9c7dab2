/** What must hold of a run; each is counted by itself, so that one cannot hide another. */
export const invariants = {
  stand_in_upstream: 'no upstream saw a stand-in, raw or encoded',
  value_elsewhere: 'no upstream saw a value of another host, secret or sandbox, nor one that nobody asked for',
  value_too_late: 'no upstream saw a value that was rotated out or detached before the request was sent',
  misplaced_passed: 'nothing was passed on that carried a stand-in out of place, or an unknown one',
  value_to_client: 'no client received a value, raw or encoded',
  echo_without_stand_in: 'every credential that an upstream gave back arrived as the stand-in',
  value_written: 'no value in anything that was written',
  audit_changed: 'no audit event that was read once vanished or changed',
  audit_chain: 'the audit trail verifies',
  audit_lost: 'every answered request is in the audit trail, or in a time that a gap names',
  undocumented_answer: 'every answer is the upstream’s, or a documented refusal that fits the request',
  hung: 'no request stood still',
  slow_recovery: 'service was back in time after every fault',
  unchecked: 'the checks had something to check',
  left_behind: 'file descriptors and sandbox processes came back to the level of the start',
  memory: 'memory was flat',
  tool: 'the run itself went as planned',
} as const;

export type Invariant = keyof typeof invariants;

export const invariantNames = Object.keys(invariants).filter((name) => isInvariant(name));

function isInvariant(name: string): name is Invariant {
  return name in invariants;
}

export interface Violation<Name extends string = Invariant> {
  invariant: Name;
  /** What, where and when. */
  detail: string;
}

/** Enough to see what is wrong; the rest is counted. */
const keptOfEach = 20;

/** Gathers violations, and how often each invariant was put to the test. */
export class Findings<Name extends string = Invariant> {
  readonly #counts = new Map<Name, number>();
  readonly #checked = new Map<Name, number>();
  readonly kept: Violation<Name>[] = [];
  readonly #onKept: (violation: Violation<Name>) => void;

  /** `onKept` is told of each violation that is kept, as it is found. */
  constructor(onKept: (violation: Violation<Name>) => void = () => undefined) {
    this.#onKept = onKept;
  }

  violate(invariant: Name, detail: string): void {
    const count = (this.#counts.get(invariant) ?? 0) + 1;
    this.#counts.set(invariant, count);
    if (count > keptOfEach) return;
    this.kept.push({ invariant, detail });
    this.#onKept({ invariant, detail });
  }

  /** Something was looked at and found to be as it must be, or will have been violated beside. */
  checked(invariant: Name, times = 1): void {
    this.#checked.set(invariant, (this.#checked.get(invariant) ?? 0) + times);
  }

  countOf(invariant: Name): number {
    return this.#counts.get(invariant) ?? 0;
  }

  checksOf(invariant: Name): number {
    return this.#checked.get(invariant) ?? 0;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, each) => sum + each, 0);
  }
}
