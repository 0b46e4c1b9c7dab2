import { Buffer } from 'node:buffer';

const lineEnd = Buffer.from('\r\n', 'latin1');
const lastSize = Buffer.from('0\r\n', 'latin1');

/** Content as one chunk (RFC 9112 section 7.1), a copy; at least one byte. */
export function chunkOf(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`, 'latin1'), content, lineEnd]);
}

/** The last chunk and what follows it: `trailers` are their lines and the empty line, null for none. */
export function lastChunk(trailers: Buffer | null): Buffer {
  return Buffer.concat([lastSize, trailers ?? lineEnd]);
}
