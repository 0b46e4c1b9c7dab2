import { wipeSecret } from '../crypto/secret.ts';
import type { Secret } from '../crypto/secret.ts';
import { coreFingerprint, makeCore, randomCharacters } from '../stand-in.ts';
import { catalogue } from './providers/catalogue.ts';
import { alphabets, prefixOf, token } from './providers/token-shape.ts';
import type { TokenShape } from './providers/token-shape.ts';
import { leadingPrefix } from './value.ts';

/** A worthless token for one binding, and what is compared to recognise it. */
export interface StandIn {
  text: string;
  fingerprint: string;
}

/** For secrets of no known provider, and for providers that fix no length: room for the core and a little more. */
const usualTail = 40;
const plainShape = token('', usualTail);

/**
 * A new stand-in of the provider's shape. Recognition and 128 random bits win over the provider's length: where its
 * tail is shorter than a core, the stand-in is longer than the provider's own tokens.
 */
export function makeStandIn(shape: TokenShape): StandIn {
  let text = '';
  let fingerprint = '';
  for (const part of shape) {
    if ('literal' in part) {
      text += part.literal;
    } else if ('random' in part) {
      text += randomCharacters(part.length, alphabets[part.random].characters);
    } else {
      const core = makeCore(part.core === 'hex' || part.core === 'uuid' ? 'hex' : 'text');
      const filler = Math.max(0, (part.length ?? usualTail) - core.length);
      text += core + randomCharacters(filler, alphabets[part.core].characters);
      fingerprint = coreFingerprint(core);
    }
  }
  return { text, fingerprint };
}

/**
 * The shape for a secret's stand-ins. A provider with several kinds of token (`ghp_`, `github_pat_`) is the one case
 * in which the value is opened, and the choice among the catalogue's prefixes is all that is taken from it.
 */
export async function chooseShape(
  providerShortcut: string | null,
  open: () => Promise<Secret | null>,
): Promise<TokenShape> {
  const shapes = (providerShortcut === null ? undefined : catalogue.get(providerShortcut)?.tokens) ?? [plainShape];
  const [first = plainShape, ...others] = shapes;
  const value = others.length === 0 ? null : await open();
  if (value === null) return first;
  const prefix = leadingPrefix(value, shapes.map(prefixOf));
  wipeSecret(value);
  return shapes.find((shape) => prefixOf(shape) === prefix) ?? first;
}
