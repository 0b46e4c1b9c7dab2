import { Buffer } from 'node:buffer';
import type { FuzzCase } from './fuzz-case.ts';
import { requestText, responseText } from './generate.ts';
import { cross, mutate } from './mutate.ts';
import { Random } from './random.ts';
import { seeds } from './seeds.ts';

/** Above this no case is read byte by byte: each byte of a head searches what came before it again. */
const longestByteByByte = 600;
const asked = ['GET', 'GET', 'POST', 'HEAD'];

/** Case `index` of the run of `seed`: always the same. */
export function makeCase(seed: number, index: number): FuzzCase {
  const random = new Random(seed, index);
  const side = random.once(3) ? 'response' : 'request';
  const methods = side === 'request' ? [] : [random.pick(asked), random.pick(asked), random.pick(asked)];
  const bytes = Buffer.from(textOf(random, side, methods), 'latin1');
  return { side, bytes, methods, cuts: cutsOf(random, bytes.length) };
}

function textOf(random: Random, side: FuzzCase['side'], methods: readonly string[]): string {
  switch (random.below(10)) {
    case 0:
      return mutate(random, random.pick(seeds[side]));
    case 1:
      return cross(random, connectionText(random, side, methods), random.pick(seeds[side]));
    case 2:
      return cross(random, connectionText(random, side, methods), connectionText(random, side, methods));
    case 3:
    case 4:
    case 5:
      return mutate(random, connectionText(random, side, methods));
    default:
      return connectionText(random, side, methods);
  }
}

/** One to four messages, one right after the other. */
function connectionText(random: Random, side: FuzzCase['side'], methods: readonly string[]): string {
  let text = '';
  let count = 0;
  do {
    text += side === 'request' ? requestText(random) : responseText(random, methods[count] ?? 'GET');
    count++;
  } while (count < 4 && random.once(2));
  return text;
}

function cutsOf(random: Random, length: number): number[] {
  if (length <= longestByteByByte && random.once(16)) return [];
  const cuts = [1 + random.below(Math.max(1, length - 1))];
  while (cuts.length < 5 && random.once(2)) cuts.push(1 + random.below(Math.max(1, length - 1)));
  return cuts.toSorted((a, b) => a - b);
}
