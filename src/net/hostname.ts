import { formatAddress, parseAddress } from './address.ts';

export interface Authority {
  /** A lower-case host name, or the canonical text of an address (IPv6 without its brackets). */
  host: string;
  port: number;
  isAddress: boolean;
}

const label = '(?!-)[a-z0-9-]{1,63}(?<!-)';
/** LDH labels (RFC 5890 section 2.3.1), IDN as A-labels only, no dot at the end. */
const ldhName = new RegExp(`^${label}(?:\\.${label})*$`);
/** What the WHATWG URL standard (section 3.5, "ends in a number") and `inet_aton` read as an IPv4 address. */
const endsInNumber = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;
const portDigits = /^[1-9][0-9]{0,4}$/;

/**
 * The one parser of host names: an ASCII name of LDH labels of 1 to 63 characters, 253 in all (RFC 1123 section 2.1),
 * lower-cased. Null for anything odd: a dot at the end, an empty label, an underscore (no host name has one), an IP
 * address in any notation (`127.1`, `0x7f.1`, `2130706433`), a port, user info, a zone, `%`, NUL, anything not ASCII.
 */
export function parseHostname(text: string): string | null {
  if (text.length > 253) return null;
  const name = text.toLowerCase();
  // Lower-casing maps U+212A KELVIN SIGN to `k`: only text that was ASCII may have become ASCII.
  if (!ldhName.test(name) || endsInNumber.test(name) || !isAscii(text)) return null;
  return name;
}

/** A credential rule's host: exact, or `*.suffix` for exactly one more label. Both lower-case. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

/** A network rule's domain: exact, or `*.suffix` at any depth below, not the apex. Both lower-case. */
export function hostMatchesBelow(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}

/**
 * `host`, `host:port`, `1.2.3.4:port` or `[v6]:port` (RFC 9110 section 7.2) without user info. Null for anything odd,
 * an empty port included.
 */
export function parseAuthority(text: string, defaultPort: number): Authority | null {
  const split = text.startsWith('[') ? text.indexOf(']') + 1 : text.indexOf(':');
  const end = split === -1 ? text.length : split;
  let port = defaultPort;
  if (end < text.length) {
    const digits = text.slice(end + 1);
    if (text[end] !== ':' || !portDigits.test(digits)) return null;
    port = Number(digits);
    if (port > 65_535) return null;
  }
  const written = text.slice(0, end);
  const name = parseHostname(written);
  if (name !== null) return { host: name, port, isAddress: false };
  const bracketed = written.startsWith('[');
  const address = parseAddress(bracketed ? written.slice(1, -1) : written);
  if (address === null || bracketed !== (address.family === 6)) return null;
  return { host: formatAddress(address), port, isAddress: true };
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
