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

/**
 * Those of content of this type; null: it is none of messages. Of several types, in lines joined with a comma, any: which of
 * them a client goes by nobody knows.
 */
export function envelopesOf(contentType: string): Envelopes | null {
  const types = typesOf(contentType);
  return kinds.find(({ type }) => types.some((each) => type.test(each))) ?? null;
}

/**
 * The field that would name a coding of messages which cannot be undone, since all of them are written in base64 then or
 * coded once more (`isCoded`); null: there is none.
 */
export function hidingField(contentType: string, isCoded: boolean): string | null {
  if (typesOf(contentType).some((each) => webText.test(each))) return 'grpc-encoding';
  return isCoded ? (envelopesOf(contentType)?.encodingField ?? null) : null;
}

/** Whether a value of such a field names a coding, known here or not. */
export function namesCoding(encoding: string): boolean {
  return readCodings(encoding).length > 0;
}

function typesOf(contentType: string): string[] {
  return contentType.split(',').map((each) => each.trim());
}
