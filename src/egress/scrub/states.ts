import { childOf } from './pattern-symbol.ts';
import type { SpellingNode } from './pattern-symbol.ts';
import { leastHeld, symbolAt } from './patterns.ts';
import type { Pattern } from './patterns.ts';

const nowhere: SpellingNode = { byte: 0, child: null, sibling: null, end: null };

/** Where the automaton of one pattern stood when the data ended. */
export interface Suspended {
  readonly pattern: Pattern;
  readonly nodes: readonly SpellingNode[];
  readonly indices: readonly number[];
}

/**
 * The places in a pattern at which one may be after some bytes: most often one, since few spellings are ambiguous. Each
 * byte is looked at once, however the data is split.
 */
export class States {
  /** After a run: the data ended, and the pattern might go on and is worth waiting for. */
  open = false;
  #nodes: SpellingNode[] = [];
  #indices: number[] = [];
  #nextNodes: SpellingNode[] = [];
  #nextIndices: number[] = [];

  /** Where the longest match of `pattern` from `start` on ends; -1: there is none. */
  run(pattern: Pattern, bytes: Uint8Array, { start, end }: { start: number; end: number }): number {
    this.forget();
    this.#nodes.push(symbolAt(pattern, 0).root);
    this.#indices.push(0);
    return this.#go(pattern, bytes, { at: start, end });
  }

  /** The same, from where a run ended with the data; `at` is where the data goes on. */
  resume({ pattern, nodes, indices }: Suspended, bytes: Uint8Array, place: { at: number; end: number }): number {
    this.#nodes = nodes.slice();
    this.#indices = indices.slice();
    return this.#go(pattern, bytes, place);
  }

  /** After a run that is `open`. */
  suspend(pattern: Pattern): Suspended {
    return { pattern, nodes: this.#nodes.slice(), indices: this.#indices.slice() };
  }

  forget(): void {
    this.#nodes.length = this.#indices.length = 0;
  }

  #go(pattern: Pattern, bytes: Uint8Array, { at, end }: { at: number; end: number }): number {
    let longest = -1;
    let next = at;
    while (next < end && this.#nodes.length > 0) {
      if (this.#step(pattern, bytes[next++] ?? 0)) longest = next;
    }
    this.open = this.#indices.some((index) => index >= leastHeld(pattern));
    return longest;
  }

  /** Whether the pattern may end with `byte`. */
  #step(pattern: Pattern, byte: number): boolean {
    let whole = false;
    this.#nextNodes.length = this.#nextIndices.length = 0;
    for (let i = 0; i < this.#nodes.length; i++) {
      const node = childOf(this.#nodes[i] ?? nowhere, byte);
      const index = this.#indices[i] ?? 0;
      if (node === null) continue;
      if (node.end !== null) {
        if (index + 1 === pattern.symbols.length) whole = true;
        else this.#add(symbolAt(pattern, index + 1).root, index + 1);
      }
      if (node.child !== null) this.#add(node, index);
    }
    [this.#nodes, this.#nextNodes] = [this.#nextNodes, this.#nodes];
    [this.#indices, this.#nextIndices] = [this.#nextIndices, this.#indices];
    return whole;
  }

  #add(node: SpellingNode, index: number): void {
    for (let i = 0; i < this.#nextNodes.length; i++) {
      if (this.#nextNodes[i] === node && this.#nextIndices[i] === index) return;
    }
    this.#nextNodes.push(node);
    this.#nextIndices.push(index);
  }
}
