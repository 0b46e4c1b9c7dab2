import { readCodings } from './codings.ts';

/**
 * How the messages of an answer stand in its content: each behind a byte of flags and a length of four bytes, and compressed
 * by itself where the lowest bit of the flags says so.
 */
export interface Envelopes {
  /** Further flags that a message may have. */
  readonly flags: number;
  /** The field that names the coding of compressed messages, in lower case. */
  readonly encodingField: string;
}

const kinds: readonly (Envelopes & { readonly type: RegExp })[] = [
  // gRPC, PROTOCOL-HTTP2.md: "application/grpc" [("+proto" / "+json" / {custom})].
  { type: /^application\/grpc(?:$|[+;\s])/i, flags: 0, encodingField: 'grpc-encoding' },
  // gRPC-Web, PROTOCOL-WEB.md: the highest bit is that of the frame with the trailers.
  { type: /^application\/grpc-web(?:$|[+;\s])/i, flags: 0x80, encodingField: 'grpc-encoding' },
  // Connect protocol, "Streaming RPCs": the second bit is that of the message at the end.
  { type: /^application\/connect\+/i, flags: 0x02, encodingField: 'connect-content-encoding' },
];
const webText = /^application\/grpc-web-text(?:$|[+;\s])/i;

/** Those of content of this type; null: it is none of messages. */
export function envelopesOf(contentType: string): Envelopes | null {
  const type = contentType.trim();
  return kinds.find((each) => each.type.test(type)) ?? null;
}

/** Whether messages are compressed and then written in base64: what is in them cannot be searched. */
export function isPackedText(contentType: string, grpcEncoding: string): boolean {
  if (!webText.test(contentType.trim()) || grpcEncoding === '') return false;
  return readCodings(grpcEncoding).length > 0;
}
