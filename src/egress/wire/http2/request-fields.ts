import { characterClass, isToken, targetBit } from '../characters.ts';
import { WireError } from '../wire-error.ts';
import { http2Header } from './header-field.ts';
import type { HeaderField } from './header-field.ts';
import { judgeField, malformed, readRegularFields } from './message-fields.ts';
import type { RegularFields } from './message-fields.ts';

/** A request's field block, judged by RFC 9113 section 8.3.1 and RFC 8441 section 4. */
export interface RequestFields {
  readonly regular: RegularFields;
  readonly method: string;
  /** Null for a plain CONNECT. */
  readonly scheme: 'http' | 'https' | null;
  /** What `:authority` or Host says; both say the same. For a plain CONNECT the host and port to connect to. */
  readonly authority: string;
  /** Null for a plain CONNECT. */
  readonly path: string | null;
  /** Of an extended CONNECT, such as `websocket`. */
  readonly protocol: string | null;
}

/** uri-host [ ":" port ] by its characters, as in HTTP/1.1: no user info (RFC 9113 section 8.3.1). */
const authorityCharacters = /^[A-Za-z0-9.:[\]-]+$/;
const maxMethodLength = 32;

/** One request's pseudo-header fields, null where there is none. */
interface Pseudo {
  method: string | null;
  scheme: string | null;
  authority: string | null;
  path: string | null;
  protocol: string | null;
}

/** Reads a request's fields. A WireError (400): the request is malformed, and its stream is to be reset with PROTOCOL_ERROR. */
export function readRequestFields(fields: readonly HeaderField[]): RequestFields | WireError {
  const pseudo: Pseudo = { method: null, scheme: null, authority: null, path: null, protocol: null };
  let first = 0;
  for (; first < fields.length; first++) {
    const field = fields[first];
    if (field === undefined || field.kind < http2Header.pseudo) break;
    const wrong = takePseudo(field, pseudo);
    if (wrong !== null) return wrong;
  }
  const regular = readRegularFields(fields, first);
  if (regular instanceof WireError) return regular;
  const { method, protocol } = pseudo;
  if (method === null || method.length > maxMethodLength || !isToken(method)) {
    return malformed(':method missing, or no token (RFC 9113 section 8.3.1)');
  }
  // 8.3.1: "a request that contains a Host header field that identifies an entity that differs from the entity in the
  // ':authority' pseudo-header field" is malformed. Two spellings of one entity are refused with it.
  if (
    pseudo.authority !== null &&
    regular.host !== null &&
    pseudo.authority.toLowerCase() !== regular.host.toLowerCase()
  ) {
    return malformed('Host other than :authority (RFC 9113 section 8.3.1)');
  }
  const authority = pseudo.authority ?? regular.host;
  if (authority === null || !authorityCharacters.test(authority)) {
    return malformed(':authority missing, or no host and port (RFC 9113 section 8.3.1)');
  }
  if (method === 'CONNECT' && protocol === null) return readConnect(pseudo, { regular, authority });
  // RFC 8441 4: ":protocol [...] MAY be included on request HEADERS" that are CONNECT.
  if (protocol !== null && (method !== 'CONNECT' || !isToken(protocol))) {
    return malformed(':protocol without CONNECT, or no token (RFC 8441 section 4)');
  }
  // As a handshake of HTTP/1.1 it would announce content, and what the tunnel carries would be read as that (RFC 6455 4.1).
  if (protocol !== null && regular.contentLength !== -1) {
    return malformed('extended CONNECT with Content-Length (RFC 9110 section 9.3.6)');
  }
  const { scheme, path } = pseudo;
  if (scheme !== 'http' && scheme !== 'https')
    return malformed(':scheme missing, or not of HTTP (RFC 9113 section 8.3.1)');
  if (path === null || !isPath(path, method)) return malformed(':path missing, or none (RFC 9113 section 8.3.1)');
  return { regular, method, scheme, authority, path, protocol };
}

/** RFC 9113 8.5: "The ':scheme' and ':path' pseudo-header fields MUST be omitted." And 9110 9.3.6: it has no content. */
function readConnect(
  { scheme, path, authority: given }: Pseudo,
  { regular, authority }: { regular: RegularFields; authority: string },
): RequestFields | WireError {
  if (scheme !== null || path !== null || given === null) {
    return malformed('CONNECT with :scheme or :path, or without :authority (RFC 9113 section 8.5)');
  }
  if (regular.contentLength !== -1) return malformed('CONNECT with Content-Length (RFC 9110 section 9.3.6)');
  return { regular, method: 'CONNECT', scheme: null, authority, path: null, protocol: null };
}

/** Each at most once (RFC 9113 section 8.3), and none that is not for requests. */
function takePseudo(field: HeaderField, pseudo: Pseudo): WireError | null {
  if (field.flaws !== 0) return judgeField(field);
  const key = keys[field.kind - http2Header.pseudo];
  if (key === undefined || key === null)
    return malformed('pseudo-header field that no request has (RFC 9113 section 8.3)');
  if (pseudo[key] !== null) return malformed('pseudo-header field that comes twice (RFC 9113 section 8.3)');
  pseudo[key] = field.value;
  return null;
}

/** By kind, from `http2Header.pseudo` on. */
const keys: readonly (keyof Pseudo | null)[] = [null, 'method', 'scheme', 'authority', 'path', 'protocol', null];

/** RFC 9113 8.3.1: not empty; begins with `/`, or is `*` for OPTIONS. Nothing may stand in it that ends a request line. */
function isPath(path: string, method: string): boolean {
  if (path === '*') return method === 'OPTIONS';
  if (path.charCodeAt(0) !== 0x2f) return false;
  for (let at = 0; at < path.length; at++) {
    if (((characterClass[path.charCodeAt(at)] ?? 0) & targetBit) === 0) return false;
  }
  return true;
}
