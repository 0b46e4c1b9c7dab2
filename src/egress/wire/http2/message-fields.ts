import { knownHeader } from '../known-headers.ts';
import { WireError } from '../wire-error.ts';
import { fieldFlaw, http2Header } from './header-field.ts';
import type { HeaderField } from './header-field.ts';

/** What a message says of itself beside its pseudo-header fields. */
export interface RegularFields {
  /** All fields of the block, in their order. */
  readonly fields: readonly HeaderField[];
  /** Where the pseudo-header fields end. */
  readonly first: number;
  /** The value of Host; null: there is none. */
  readonly host: string | null;
  /** -1: no Content-Length. */
  readonly contentLength: number;
}

/** RFC 9113 8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields". */
const connectionSpecific: ReadonlySet<number> = new Set([
  knownHeader.connection,
  knownHeader.upgrade,
  knownHeader.keepAlive,
  knownHeader.proxyConnection,
  knownHeader.transferEncoding,
  knownHeader.http2Settings,
]);

const decimal = /^(?:0|[1-9][0-9]{0,15})$/;

/** Why a field may stand in no message, or null. */
export function judgeField({ flaws, kind, value }: HeaderField): WireError | null {
  if ((flaws & fieldFlaw.name) !== 0)
    return malformed('field name that is no lower-case token (RFC 9113 section 8.2.1)');
  if (flaws !== 0)
    return malformed('field value with a control character or blanks around it (RFC 9113 section 8.2.1)');
  if (kind === knownHeader.other) return null;
  if (connectionSpecific.has(kind)) return malformed('connection-specific field (RFC 9113 section 8.2.2)');
  // "The only exception to this is the TE header field, which MAY be present [...]; when it is, it MUST NOT contain any value
  // other than 'trailers'."
  if (kind === knownHeader.te && value !== 'trailers')
    return malformed('TE other than trailers (RFC 9113 section 8.2.2)');
  return null;
}

/** Reads the fields of a block from `first` on, none of which may be a pseudo-header field any more. */
export function readRegularFields(fields: readonly HeaderField[], first: number): RegularFields | WireError {
  let host: string | null = null;
  let contentLength = -1;
  for (let at = first; at < fields.length; at++) {
    const field = fields[at];
    if (field === undefined) break;
    const { kind } = field;
    if (kind === knownHeader.other && field.flaws === 0) continue;
    const wrong = judgeField(field);
    if (wrong !== null) return wrong;
    if (kind >= http2Header.pseudo) {
      // RFC 9113 8.3: "All pseudo-header fields MUST appear in a field block before all regular field lines."
      return malformed('pseudo-header field after another field (RFC 9113 section 8.3)');
    }
    if (kind === knownHeader.host) {
      if (host !== null) return malformed('two Host fields (RFC 9112 section 3.2)');
      host = field.value;
    } else if (kind === knownHeader.contentLength) {
      if (contentLength !== -1) return malformed('two Content-Length fields (RFC 9110 section 8.6)');
      if (!decimal.test(field.value) || Number(field.value) > Number.MAX_SAFE_INTEGER) {
        return malformed('Content-Length that is not one decimal number (RFC 9110 section 8.6)');
      }
      contentLength = Number(field.value);
    }
  }
  return { fields, first, host, contentLength };
}

/** RFC 9113 8.1: trailers have no pseudo-header fields. 9110 6.5.1: nor what frames, routes or authenticates. Null: as they should be. */
export function judgeTrailers(fields: readonly HeaderField[]): WireError | null {
  for (const field of fields) {
    const { kind } = field;
    if (kind === knownHeader.other && field.flaws === 0 && !headerOnly.has(field.name)) continue;
    if (field.flaws !== 0) return judgeField(field);
    if (kind >= http2Header.pseudo) return malformed('pseudo-header field in trailers (RFC 9113 section 8.1)');
    return malformed('trailer field that belongs into the head (RFC 9110 section 6.5.1)');
  }
  return null;
}

/** As in `trailers.ts` of HTTP/1.1, beside the fields that have a kind. */
const headerOnly: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'range',
  'set-cookie',
  'trailer',
  'www-authenticate',
]);

export function malformed(reason: string): WireError {
  return new WireError(400, reason);
}
