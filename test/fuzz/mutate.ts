import type { Random } from './random.ts';
import { fragments } from './tokens.ts';

/** Past this length a text is not made longer: bytes far behind the first error are never read. */
const longest = 4096;

/** One change to `text` (latin1) at a random place. */
type Mutation = (random: Random, text: string) => string;

const mutations: readonly Mutation[] = [
  function flipBit(random, text) {
    return changeByte(random, text, (byte) => byte ^ (1 << random.below(8)));
  },
  function setByte(random, text) {
    return changeByte(random, text, () => random.below(256));
  },
  function nextByte(random, text) {
    return changeByte(random, text, (byte) => (byte + (random.once(2) ? 1 : 255)) & 0xff);
  },
  function deleteBytes(random, text) {
    const { start, end } = range(random, text, 8);
    return text.slice(0, start) + text.slice(end);
  },
  function deleteOne(random, text) {
    const at = random.below(text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  function repeatBytes(random, text) {
    const { start, end } = range(random, text, 32);
    return text.slice(0, end) + text.slice(start);
  },
  function insertFragment(random, text) {
    const at = random.below(text.length + 1);
    return text.slice(0, at) + random.pick(fragments) + text.slice(at);
  },
  function insertAtLineStart(random, text) {
    const found = text.indexOf('\n', random.below(text.length)) + 1;
    return text.slice(0, found) + random.pick(fragments) + text.slice(found);
  },
  function moveBytes(random, text) {
    const { start, end } = range(random, text, 32);
    const moved = text.slice(start, end);
    const rest = text.slice(0, start) + text.slice(end);
    const at = random.below(rest.length + 1);
    return rest.slice(0, at) + moved + rest.slice(at);
  },
  function changeDigit(random, text) {
    const from = random.below(text.length);
    const at = from + text.slice(from).search(/\d/);
    return at < from ? text : text.slice(0, at) + String(random.below(10)) + text.slice(at + 1);
  },
  function changeCase(random, text) {
    return changeByte(random, text, (byte) => byte ^ 0x20);
  },
  function cutShort(random, text) {
    return text.slice(0, 1 + random.below(text.length));
  },
];

/** `text` with one to four changes. */
export function mutate(random: Random, text: string): string {
  let mutated = text;
  let count = 0;
  do {
    mutated = random.pick(mutations)(random, mutated);
    count++;
  } while (count < 4 && mutated !== '' && random.once(3));
  return mutated.slice(0, longest);
}

/** The beginning of one text and the end of another. */
export function cross(random: Random, first: string, second: string): string {
  return (first.slice(0, random.below(first.length + 1)) + second.slice(random.below(second.length + 1))).slice(
    0,
    longest,
  );
}

function changeByte(random: Random, text: string, change: (byte: number) => number): string {
  const at = random.below(text.length);
  return text.slice(0, at) + String.fromCharCode(change(text.charCodeAt(at))) + text.slice(at + 1);
}

function range(random: Random, text: string, most: number): { start: number; end: number } {
  const start = random.below(text.length);
  return { start, end: Math.min(text.length, start + 1 + random.below(most)) };
}
