/** What a provider's tokens look like: its parts, written one after the other. Exactly one part is the core's. */
export type TokenShape = readonly TokenPart[];
export type TokenPart =
  | { literal: string }
  | { random: Alphabet; length: number }
  /** Where a stand-in has its marker and its random bits. Null: the provider keeps no one length. */
  | { core: Alphabet; length: number | null };

export type Alphabet = 'alphanumeric' | 'upper' | 'base64url' | 'digits' | 'hex' | 'uuid';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The characters of each alphabet. A stand-in for a UUID is plain hexadecimal: hyphens would cut its core up. */
export const alphabets: Record<Alphabet, { characters: string; plural: string }> = {
  alphanumeric: { characters: `${letters}0123456789`, plural: 'letters and digits' },
  upper: { characters: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', plural: 'upper-case letters and digits' },
  base64url: { characters: `${letters}0123456789-_`, plural: 'base64url characters' },
  digits: { characters: '0123456789', plural: 'digits' },
  hex: { characters: '0123456789abcdef', plural: 'hex digits' },
  uuid: { characters: '0123456789abcdef', plural: 'UUID characters' },
};

/** `prefix` and a tail; a null length is one that the provider does not fix. */
export function token(prefix: string, length: number | null, alphabet: Alphabet = 'alphanumeric'): TokenShape {
  const core = { core: alphabet, length };
  return prefix === '' ? [core] : [{ literal: prefix }, core];
}

/** What every token of the shape starts with; empty where the shape starts at random. */
export function prefixOf(shape: TokenShape): string {
  const first = shape[0];
  return first !== undefined && 'literal' in first ? first.literal : '';
}

/** The length that the provider's own tokens have, or null. */
export function lengthOf(shape: TokenShape): number | null {
  let total = 0;
  for (const part of shape) {
    const length = 'literal' in part ? part.literal.length : part.length;
    if (length === null) return null;
    total += length;
  }
  return total;
}

/** In words: `ghp_ + 36 letters and digits`. */
export function describeShape(shape: TokenShape): string {
  return shape
    .map((part) => {
      if ('literal' in part) return part.literal;
      const { plural } = alphabets['random' in part ? part.random : part.core];
      return part.length === null ? plural : `${part.length} ${plural}`;
    })
    .join(' + ');
}
