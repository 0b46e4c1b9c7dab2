import { Buffer } from 'node:buffer';
import type { FuzzCase } from './fuzz-case.ts';

/** More tries than a case of a few hundred bytes takes. */
const mostTries = 20_000;
const plain = 0x61;

/** A smaller case that still `fails`: bytes are taken out, longest runs first, then made plain. */
export function minimise(fuzzed: FuzzCase, fails: (candidate: FuzzCase) => boolean): FuzzCase {
  let smallest = fuzzed;
  let tries = 0;
  const accept = (candidate: FuzzCase): boolean => {
    if (++tries > mostTries || !fails(candidate)) return false;
    smallest = candidate;
    return true;
  };
  for (const cuts of [[], [1]]) if (accept({ ...smallest, cuts })) break;
  accept({ ...smallest, methods: [] });
  for (let run = smallest.bytes.length >> 1; run >= 1; run = run === 1 ? 0 : run >> 1) {
    let at = 0;
    while (at < smallest.bytes.length) if (!accept(without(smallest, at, run))) at += run;
    // What was needed by bytes that are gone now may go too.
    if (run === 1) for (at = smallest.bytes.length - 1; at >= 0; at--) accept(without(smallest, at, 1));
  }
  for (let at = 0; at < smallest.bytes.length; at++) {
    const byte = smallest.bytes[at] ?? 0;
    if (byte === plain || (byte >= 0x09 && byte <= 0x0d)) continue;
    const bytes = Buffer.from(smallest.bytes);
    bytes[at] = plain;
    accept({ ...smallest, bytes });
  }
  return smallest;
}

function without({ bytes, cuts, ...rest }: FuzzCase, at: number, length: number): FuzzCase {
  const left = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  return { ...rest, bytes: left, cuts: cuts.map((cut) => (cut > at ? Math.max(at, cut - length, 1) : cut)) };
}
