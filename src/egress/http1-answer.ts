import { Buffer } from 'node:buffer';
import type { AnswerHead, AnswerWriter, RequestSource } from './request-source.ts';
import { lastChunk } from './wire/chunk-writer.ts';
import { buildResponseHead } from './wire/forward-response.ts';
import type { ResponseHead } from './wire/head.ts';

/** What is read of an upstream at once. */
const maxChunk = 64 * 1024;
/** A chunk is put together here and lent: a buffer for each would keep the collector busier than all else. */
const chunk = Buffer.allocUnsafeSlow(maxChunk + 16);

/** An answer that is framed anew for a client of HTTP/1.1 (RFC 9112 section 7.1). */
export class Http1Answer implements AnswerWriter {
  readonly #client: Pick<RequestSource, 'write'>;
  readonly #minorVersion: 0 | 1;
  #chunked = false;

  constructor(client: Pick<RequestSource, 'write'>, minorVersion: 0 | 1) {
    this.#client = client;
    this.#minorVersion = minorVersion;
  }

  head(head: ResponseHead, { content, closes, omits = null }: AnswerHead): void {
    this.#chunked = content === 'open' && this.#minorVersion === 1;
    const keepsFraming = content !== 'open' || (this.#chunked && head.framing.kind === 'chunked');
    const lines = this.#chunked && !keepsFraming ? ['Transfer-Encoding: chunked'] : [];
    if (closes) lines.push('Connection: close');
    this.#client.write(buildResponseHead(head, { lines, reframed: !keepsFraming, omits }));
  }

  content(bytes: Buffer): boolean {
    if (!this.#chunked) return this.#client.write(bytes);
    let more = true;
    for (let from = 0; from < bytes.length; from += maxChunk) {
      const length = Math.min(maxChunk, bytes.length - from);
      let at = chunk.write(`${length.toString(16)}\r\n`, 'latin1');
      at += bytes.copy(chunk, at, from, from + length);
      at += chunk.write('\r\n', at, 'latin1');
      more = this.#client.write(chunk.subarray(0, at));
    }
    return more;
  }

  end(trailers: Buffer | null): void {
    if (this.#chunked) this.#client.write(lastChunk(trailers));
  }
}
