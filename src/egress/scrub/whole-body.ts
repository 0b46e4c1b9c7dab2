import type { Coding } from './codings.ts';
import type { Scrub } from './scrub.ts';

/** A body that was at hand whole. */
export interface WholeBody {
  /** The very bytes that came where no value was in them: then nothing was encoded anew, and digests still hold. */
  readonly bytes: Buffer;
  readonly replaced: number;
  readonly replacedIds: ReadonlySet<string>;
}

const none: ReadonlySet<string> = new Set();

/**
 * Scrubs a whole body within the call, for the small answers that most are. Its coded bytes go on only where there is no value
 * in them either: file names of gzip, skippable frames of zstd and the like are no content. `too large`: it expands to more than `most`
 * bytes, so that a `BodyScrubber` must take it; `unreadable`: it is not what its codings say, or something follows it.
 * `codings` in the order in which they were applied.
 */
export function scrubWhole(
  scrub: Scrub,
  body: Buffer,
  { codings, most, keepLength = false }: { codings: readonly Coding[]; most: number; keepLength?: boolean },
): WholeBody | 'too large' | 'unreadable' {
  if (body.length === 0) return { bytes: body, replaced: 0, replacedIds: none };
  const content = decodeAll(codings, body, most);
  if (typeof content === 'string') return content;
  if (scrub.isClean(content) && (content === body || scrub.isClean(body)))
    return { bytes: body, replaced: 0, replacedIds: none };
  const stream = scrub.stream({ keepLength });
  const bytes = encodeAll(codings, Buffer.concat([stream.push(content), stream.end()]));
  return { bytes, replaced: stream.replaced, replacedIds: stream.replacedIds };
}

/** Undoes `codings` within the call, up to `most` bytes at each step. */
export function decodeAll(codings: readonly Coding[], body: Buffer, most: number): Buffer | 'too large' | 'unreadable' {
  if (body.length > most) return 'too large';
  let content = body;
  for (const coding of codings.toReversed()) {
    const decoded = decodeWhole(coding, content, most);
    if (typeof decoded === 'string') return decoded;
    content = decoded;
  }
  return content;
}

export function encodeAll(codings: readonly Coding[], content: Buffer): Buffer {
  let bytes = content;
  for (const coding of codings) bytes = coding.encodeWhole(bytes);
  return bytes;
}

function decodeWhole(coding: Coding, bytes: Buffer, most: number): Buffer | 'too large' | 'unreadable' {
  try {
    const { content, used } = coding.decodeWhole(bytes, most);
    return used === bytes.length ? content : 'unreadable';
  } catch (error) {
    return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      ? 'too large'
      : 'unreadable';
  }
}
