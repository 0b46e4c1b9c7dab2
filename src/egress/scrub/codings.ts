import * as zlib from 'node:zlib';
import type { Transform } from 'node:stream';

/** A node:zlib stream. Its `bytesWritten` is the input that it has made use of. */
export type CodingStream = Transform & Pick<zlib.Zlib, 'bytesWritten' | 'flush'>;

/** A content coding (RFC 9110 section 8.4.1) that can be undone and done again. */
export interface Coding {
  /** `first`: the first bytes of the content, at least one. */
  decoder(first: Uint8Array): CodingStream;
  /** Fast rather than small: what comes out goes once over the sandbox's own link. */
  encoder(): CodingStream;
  /** Undoes it within the call: the content, and how many of `bytes` were made use of. Throws what node:zlib throws. */
  decodeWhole(bytes: Buffer, most: number): Decoded;
  encodeWhole(bytes: Buffer): Buffer;
  /** The flush that lets a reader see everything written so far. */
  readonly flush: number;
}

export interface Decoded {
  content: Buffer;
  used: number;
}

/** Bytes that a coder hands on at a time. */
const chunkSize = 32 * 1024;
/** RFC 9659 section 3: a `zstd` decoder need not support windows over 8 MB, and an encoder must not use them. */
const zstdWindowBits = 23;
const { constants } = zlib;

const fast = { chunkSize, level: 1 };
const fastBrotli = {
  chunkSize,
  params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 18 },
};
const fastZstd = {
  chunkSize,
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: 18 },
};
const boundedZstd = { chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowBits } };
const whole = (most: number) => ({ maxOutputLength: most, info: true });

const gzip: Coding = {
  decoder: () => zlib.createGunzip({ chunkSize }),
  encoder: () => zlib.createGzip(fast),
  decodeWhole: (bytes, most) => decoded(zlib.gunzipSync(bytes, whole(most))),
  encodeWhole: (bytes) => zlib.gzipSync(bytes, fast),
  flush: constants.Z_SYNC_FLUSH,
};

/** RFC 9110 8.4.1.2: "Some non-conformant implementations send the "deflate" compressed data without the zlib wrapper." */
const deflate: Coding = {
  decoder: (first) => (isZlib(first) ? zlib.createInflate({ chunkSize }) : zlib.createInflateRaw({ chunkSize })),
  encoder: () => zlib.createDeflate(fast),
  decodeWhole: (bytes, most) =>
    decoded(isZlib(bytes) ? zlib.inflateSync(bytes, whole(most)) : zlib.inflateRawSync(bytes, whole(most))),
  encodeWhole: (bytes) => zlib.deflateSync(bytes, fast),
  flush: constants.Z_SYNC_FLUSH,
};

const brotli: Coding = {
  decoder: () => zlib.createBrotliDecompress({ chunkSize }),
  encoder: () => zlib.createBrotliCompress(fastBrotli),
  decodeWhole: (bytes, most) => decoded(zlib.brotliDecompressSync(bytes, whole(most))),
  encodeWhole: (bytes) => zlib.brotliCompressSync(bytes, fastBrotli),
  flush: constants.BROTLI_OPERATION_FLUSH,
};

const zstd: Coding = {
  decoder: () => zlib.createZstdDecompress(boundedZstd),
  encoder: () => zlib.createZstdCompress(fastZstd),
  decodeWhole: (bytes, most) => decoded(zlib.zstdDecompressSync(bytes, { ...boundedZstd, ...whole(most) })),
  encodeWhole: (bytes) => zlib.zstdCompressSync(bytes, fastZstd),
  flush: constants.ZSTD_e_flush,
};

/** RFC 9110 8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"." */
const codings: ReadonlyMap<string, Coding> = new Map([
  ['gzip', gzip],
  ['x-gzip', gzip],
  ['deflate', deflate],
  ['br', brotli],
  ['zstd', zstd],
]);

/** More codings on top of each other than any server applies. */
const mostCodings = 2;

/**
 * The codings of a `Content-Encoding` value, in the order in which they were applied; none for null and `identity`.
 * `unreadable`: one of them is not known, so nobody can tell what the content holds.
 */
export function readCodings(contentEncoding: string | null): readonly Coding[] | 'unreadable' {
  const found: Coding[] = [];
  for (const item of (contentEncoding ?? '').split(',')) {
    const name = item.trim().toLowerCase();
    if (name === '' || name === 'identity') continue;
    const coding = codings.get(name);
    if (coding === undefined) return 'unreadable';
    found.push(coding);
  }
  return found.length > mostCodings ? 'unreadable' : found;
}

/** Whether a coding of this name, lower case, can be scrubbed. */
export function isReadable(name: string): boolean {
  return name === 'identity' || codings.has(name);
}

/** What `info: true` makes of a result, which its types don't say. */
function decoded(result: unknown): Decoded {
  if (typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result) {
    const { buffer, engine } = result;
    const used = typeof engine === 'object' && engine !== null && 'bytesWritten' in engine ? engine.bytesWritten : null;
    if (Buffer.isBuffer(buffer) && typeof used === 'number') return { content: buffer, used };
  }
  throw new TypeError('node:zlib did not say what it used');
}

/** RFC 1950 section 2.2: method 8, and a check that makes the two bytes a multiple of 31. */
function isZlib(first: Uint8Array): boolean {
  const [method = 0, flags] = first;
  return (method & 0x0f) === 8 && (flags === undefined || ((method << 8) | flags) % 31 === 0);
}
