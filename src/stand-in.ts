import { createHash, randomInt } from 'node:crypto';

/**
 * The form of a stand-in, made by the vault and recognised by the egress proxy.
 *
 *     <provider prefix> <core> <filler up to the provider's length>
 *
 * The core starts with a marker and says by itself that it is a stand-in, so that one is recognised wherever it turns
 * up, also one of another sandbox or of one that is gone:
 *
 *  - text core: `standin` + 22 random base62 characters (131 bits) + 3 check characters
 *  - hex core, for providers whose tokens are hexadecimal: `7374616e` + 32 random hex digits (128 bits)
 *
 * Ordinary text holds the word (`outstanding`), so a text core counts only if its check characters fit.
 */
export interface StandInCore {
  core: string;
  /** Index of the core's first character in the text that was searched. */
  index: number;
}

export const textMarker = 'standin';
export const hexMarker = '7374616e';
export const textCoreLength = 32;
export const hexCoreLength = 40;

const base62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const hexDigits = '0123456789abcdef';
// Only the marker is consumed: a false start right before a core must not hide it.
const textCores = /standin(?=([A-Za-z0-9]{22})([A-Za-z0-9]{3}))/g;
const hexCores = /7374616e(?=([0-9a-f]{32}))/g;

/** `length` characters drawn uniformly from `alphabet` by the system's random source. */
export function randomCharacters(length: number, alphabet: string): string {
  let out = '';
  for (let i = 0; i < length; i++) out += alphabet[randomInt(alphabet.length)];
  return out;
}

/** A new core: {@link textCoreLength} or {@link hexCoreLength} characters, at least 128 of its bits random. */
export function makeCore(kind: 'text' | 'hex'): string {
  if (kind === 'hex') return hexMarker + randomCharacters(32, hexDigits);
  const random = randomCharacters(22, base62);
  return textMarker + random + checkCharacters(random);
}

/** Every stand-in core in `text`, in order of place, also overlapping a longer word. */
export function findCores(text: string): StandInCore[] {
  const found: StandInCore[] = [];
  for (const match of text.matchAll(textCores)) {
    const [marker, random = '', check = ''] = match;
    if (checkCharacters(random) === check) found.push({ core: marker + random + check, index: match.index });
  }
  for (const match of text.matchAll(hexCores)) {
    const [marker, random = ''] = match;
    found.push({ core: marker + random, index: match.index });
  }
  return found.toSorted((a, b) => a.index - b.index);
}

/** FNV-1a over the random part, as three base62 digits: 1 in 238,328 of chance words passes. */
function checkCharacters(random: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < random.length; i++) hash = Math.imul(hash ^ random.charCodeAt(i), 0x01000193) >>> 0;
  let out = '';
  for (let i = 0; i < 3; i++) {
    out += base62[hash % 62];
    hash = Math.floor(hash / 62);
  }
  return out;
}

/** What is stored and compared where the stand-in itself is not needed: SHA-256 of the core, hex. */
export function coreFingerprint(core: string): string {
  return createHash('sha256').update(core).digest('hex');
}
