import type { UpstreamRequest } from './tls-upstream.ts';

/** What an upstream writes back: bytes exactly as they are, at the pace at which they come. */
export interface Reply {
  bytes: Iterable<string | Buffer> | AsyncIterable<string | Buffer>;
  /** `end` closes in order after the last byte; `reset` breaks the connection there. */
  close?: 'end' | 'reset';
}

type Headers = Record<string, string>;

/** A status line, headers and a body of known length. `body` may be empty. */
export function sized(status: number, body: string | Buffer = '', headers: Headers = {}): Reply {
  const content = Buffer.from(body);
  return {
    bytes: [
      Buffer.concat([Buffer.from(head(status, { ...headers, 'Content-Length': String(content.length) })), content]),
    ],
  };
}

/** A head and nothing more: 204, 304, or the answer to HEAD. */
export function headOnly(status: number, headers: Headers = {}): Reply {
  return { bytes: [head(status, headers)] };
}

/** A chunked body, each piece a chunk of its own, with trailers. */
export function chunked(
  chunks: Iterable<string> | AsyncIterable<string>,
  { headers = {}, trailers = {} }: { headers?: Headers; trailers?: Headers } = {},
): Reply {
  async function* bytes() {
    yield head(200, { ...headers, 'Transfer-Encoding': 'chunked' });
    for await (const chunk of chunks) yield `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`;
    yield `0\r\n${lines(trailers)}\r\n`;
  }
  return { bytes: bytes() };
}

/** A body that ends where the connection does (RFC 9112 section 6.3, last rule). */
export function closeDelimited(body: string, headers: Headers = {}): Reply {
  return { bytes: [head(200, { ...headers, Connection: 'close' }), body], close: 'end' };
}

/** An interim response before `reply`: 102, 103, or 100 when asked to go on. */
export function interim(status: number, reply: Reply, headers: Headers = {}): Reply {
  async function* bytes() {
    yield head(status, headers);
    yield* reply.bytes;
  }
  return { ...reply, bytes: bytes() };
}

/** Waits for the whole request and answers with its bytes, head and body, as they came. */
export function echo(request: UpstreamRequest): Reply {
  async function* bytes() {
    const { raw } = await request.body;
    yield* sized(200, Buffer.concat([request.head.bytes, raw])).bytes;
  }
  return { bytes: bytes() };
}

function head(status: number, headers: Headers): string {
  return `HTTP/1.1 ${status} ${reasons[status] ?? 'Status'}\r\n${lines(headers)}\r\n`;
}

function lines(headers: Headers): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

const reasons: Record<number, string> = {
  100: 'Continue',
  103: 'Early Hints',
  200: 'OK',
  204: 'No Content',
  304: 'Not Modified',
};
