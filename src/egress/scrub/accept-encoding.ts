import { isReadable } from './codings.ts';

/** RFC 9110 section 12.4.2: a weight of zero, `q=0` to `q=0.000`, which is a refusal. */
const refused = /;[ \t]*q=0(?:\.0{0,3})?[ \t]*$/i;

/** Clients say the same again and again: what came of it is kept for so many values, none of them long. */
const maxKnown = 64;
const maxKnownLength = 200;
const known = new Map<string, string>();

/**
 * An `Accept-Encoding` value (RFC 9110 section 12.5.3) without the codings that cannot be scrubbed: the same text where
 * there are none. `*` would let the server choose one of those: it goes too, and what it said of `identity`, `gzip` and
 * the others that are known is written out, so that a client which forbade `identity` still gets what it can read.
 */
export function narrowAcceptEncoding(value: string): string {
  let narrowed = known.get(value);
  if (narrowed === undefined) {
    narrowed = narrow(value);
    if (known.size === maxKnown) known.clear();
    if (value.length <= maxKnownLength) known.set(value, narrowed);
  }
  return narrowed;
}

function narrow(value: string): string {
  const items = value.split(',');
  const kept: string[] = [];
  const named = new Set<string>();
  let wildcard: string | null = null;
  for (const item of items) {
    const name = (item.split(';', 1)[0] ?? '').trim().toLowerCase();
    if (name === '*') wildcard = item;
    // A coding that is refused anyway says nothing that would have to go.
    else if (name === '' || isReadable(name) || refused.test(item)) kept.push(item);
    named.add(name);
  }
  const star = wildcard === null || refused.test(wildcard) ? [] : instead(wildcard, named);
  if (wildcard !== null && refused.test(wildcard)) kept.push(wildcard);
  if (kept.length === items.length && star.length === 0) return value;
  const all = [...kept.map((item) => item.trim()).filter((item) => item !== ''), ...star];
  // RFC 9110 12.5.3: an empty value says that only identity is wanted; so does this, to every server.
  return all.length === 0 ? 'identity' : all.join(', ');
}

/** What `*` stands for among the codings that can be scrubbed, with its weight. */
function instead(wildcard: string, named: ReadonlySet<string>): string[] {
  const weight = wildcard.trim().slice(1);
  return ['gzip', 'br', 'zstd', 'deflate', 'identity'].filter((name) => !named.has(name)).map((name) => name + weight);
}
