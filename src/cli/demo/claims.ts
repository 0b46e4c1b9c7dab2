import type { Output } from '../output.ts';

/** One thing that the demo says of Standin, and whether it was seen to be so. */
export interface Claim {
  claim: string;
  holds: boolean;
  /** What was seen instead, where it does not hold. */
  evidence?: string;
}

/** Keeps what was claimed, and prints each with its mark as it is made. */
export class Claims {
  readonly all: Claim[] = [];
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  /** `evidence` is shown where the claim does not hold. */
  check(claim: string, holds: boolean, evidence?: string): void {
    this.all.push(holds || evidence === undefined ? { claim, holds } : { claim, holds, evidence });
    if (this.#output.json) return;
    this.#output.line(`   ${holds ? this.#output.style('green', '✓') : this.#output.style('red', '✗')} ${claim}`);
    if (!holds && evidence !== undefined) this.#output.line(`     ${this.#output.style('dim', evidence.trim())}`);
  }

  get holdAll(): boolean {
    return this.all.length > 0 && this.all.every(({ holds }) => holds);
  }
}
