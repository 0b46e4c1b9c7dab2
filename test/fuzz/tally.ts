import type { Judgement } from './judge.ts';

/** What a run saw, to be printed. */
export class Tally {
  cases = 0;
  messages = 0;
  disagreements = 0;
  /** Connections by how they ended for us. */
  readonly states = new Map<string, number>();
  /** Refusals of ours, by their words. */
  readonly refusals = new Map<string, number>();
  readonly explained = new Map<string, number>();

  add({ ours, explained, disagreement }: Judgement): void {
    this.cases++;
    this.messages += ours.messages.length;
    if (disagreement !== null) this.disagreements++;
    count(this.states, ours.state);
    if (ours.refused !== null) count(this.refusals, ours.refused.reason);
    for (const name of new Set(explained)) count(this.explained, name);
  }

  /** Lines, most frequent first. */
  report(): string {
    return [
      `${grouped(this.cases)} connections, ${grouped(this.messages)} messages that we passed on`,
      section('How they ended for us', this.states),
      section('What we refused', this.refusals),
      section('llhttp refuses, we do not, and explanations-llhttp.ts says why (connections)', this.explained),
      `${grouped(this.disagreements)} disagreements`,
    ].join('\n');
  }
}

export function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export function section(title: string, counts: ReadonlyMap<string, number>): string {
  const rows = [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .map(([key, times]) => `${grouped(times).padStart(12)}  ${key}`);
  return [`${title}:`, ...rows].join('\n');
}

export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
