import { childOf } from './pattern-symbol.ts';
import type { SpellingNode } from './pattern-symbol.ts';
import { symbolAt } from './patterns.ts';
import type { Pattern } from './patterns.ts';

/** How one symbol of an occurrence was written. */
export interface Spelled {
  /** Where its spelling ends, an index into the bytes. */
  readonly end: number;
  readonly style: number;
  readonly code: number;
  /** Without a break that stands before it. */
  readonly length: number;
}

interface Trail extends Spelled {
  readonly before: Trail | null;
}

interface State {
  readonly node: SpellingNode;
  readonly index: number;
  readonly trail: Trail | null;
}

/** How each symbol of `pattern` is written in `bytes[start, end)`, which must be an occurrence of it. */
export function traceSpellings(
  pattern: Pattern,
  bytes: Uint8Array,
  { start, end }: { start: number; end: number },
): Spelled[] {
  let states: State[] = [{ node: symbolAt(pattern, 0).root, index: 0, trail: null }];
  for (let at = start; at < end; at++) {
    const next: State[] = [];
    for (const { node, index, trail } of states) {
      const child = childOf(node, bytes[at] ?? 0);
      if (child === null) continue;
      if (child.end !== null) {
        const longer: Trail = { ...child.end, end: at + 1, before: trail };
        if (index + 1 === pattern.symbols.length) {
          if (at + 1 === end) return listOf(longer);
        } else {
          addState(next, { node: symbolAt(pattern, index + 1).root, index: index + 1, trail: longer });
        }
      }
      if (child.child !== null) addState(next, { node: child, index, trail });
    }
    states = next;
  }
  throw new Error('these bytes are no occurrence of the pattern');
}

function addState(states: State[], state: State): void {
  if (!states.some(({ node, index }) => node === state.node && index === state.index)) states.push(state);
}

function listOf(last: Trail): Spelled[] {
  const out: Spelled[] = [];
  for (let trail: Trail | null = last; trail !== null; trail = trail.before) out.push(trail);
  return out.toReversed();
}
