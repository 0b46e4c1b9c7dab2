import { domainToASCII, domainToUnicode } from 'node:url';
import { getPublicSuffix } from 'tldts';
import { badField } from '../errors.ts';
import { hostMatches, parseHostname } from '../net/hostname.ts';
import { sharedSuffixes } from './providers/tenants.ts';

export const hostLimit = 16;

/**
 * Judges and normalises the hosts of a secret: lower case, IDN to A-labels, each once, in their order. `field` names
 * the list in what is thrown.
 */
export function parseHosts(field: string, hosts: readonly string[]): string[] {
  if (hosts.length < 1 || hosts.length > hostLimit) throw badField(field, `must list 1 to ${hostLimit} hosts`);
  return [...new Set(hosts.map((host, index) => parseHostPattern(`${field}.${index}`, host)))];
}

/** One exact host name or `*.suffix`. Throws `bad_request` that says what is wrong and what would be right. */
export function parseHostPattern(field: string, text: string): string {
  if (!text.startsWith('*.')) {
    const host = parseName(field, text);
    if (!host.includes('.')) {
      throw badField(field, `"${host}" has one label only; give a full name such as api.example.com`);
    }
    return host;
  }
  const suffix = parseName(field, text.slice(2));
  if (isPublicSuffix(suffix)) {
    throw badField(field, `"*.${suffix}" covers names that anybody can register; name your own host under it`);
  }
  if (sharedSuffixes.has(suffix)) {
    throw badField(field, `"*.${suffix}" covers every customer of that service; name your own host under it`);
  }
  return `*.${suffix}`;
}

/** True where some host matches both patterns. A wildcard covers exactly one more label, and not its apex. */
export function hostsOverlap(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.startsWith('*.') === b.startsWith('*.')) return false;
  return a.startsWith('*.') ? hostMatches(a, b) : hostMatches(b, a);
}

/**
 * An A-label host name from what a person wrote. What the URL standard would quietly repair (percent escapes, numbers
 * that are addresses, invisible and full-width characters) is refused: only the spelling that was meant is stored.
 */
export function parseName(field: string, text: string): string {
  const complaint = complain(text);
  if (complaint !== null) throw badField(field, complaint);
  const lower = text.normalize('NFC').toLowerCase();
  const ascii = isAscii(text) ? lower : domainToASCII(lower);
  if (!labelsAgree(text, ascii) || (!isAscii(text) && domainToUnicode(ascii) !== lower)) {
    throw badField(field, `${quote(text)} is not a valid internationalised name; give its xn-- form`);
  }
  const host = parseHostname(ascii);
  if (host === null) {
    throw badField(field, `${quote(text)} is not a host name; it takes the form api.example.com or *.example.com`);
  }
  return host;
}

function complain(text: string): string | null {
  if (text === '') return 'must not be empty';
  if (text.length > 253) return 'a host name has 253 characters at most';
  if (text.includes('://')) return `${quote(text)} has a scheme; give the host name alone`;
  if (text.includes('/')) return `${quote(text)} has a path; give the host name alone`;
  if (text.includes('@')) return `${quote(text)} has a user name; give the host name alone`;
  if (text.startsWith('[') || /:.*:/.test(text) || /^[\d.]+$/.test(text)) {
    return `${quote(text)} is an IP address; a secret is bound to a host name`;
  }
  if (text.includes(':')) return `${quote(text)} has a port; give the host name alone`;
  if (text.endsWith('.')) return `${quote(text)} ends with a dot; leave it out`;
  if (text.includes('*')) return `${quote(text)}: a wildcard is the whole first label, as in *.example.com`;
  // RFC 5892: an IDN is made of letters, marks and digits; this leaves out joiners, other dots, symbols and spaces.
  if (/[^\p{L}\p{M}\p{N}.-]/u.test(text)) return `${quote(text)} holds a character that no host name has`;
  return null;
}

/**
 * RFC 5890 2.3.2.1: an A-label is the encoding of a U-label, so it decodes, and encodes to itself again. A label that
 * was not ASCII has become one: a look-alike that is folded into plain ASCII (the Kelvin sign) has not.
 */
function labelsAgree(text: string, ascii: string): boolean {
  const given = text.split('.');
  return ascii.split('.').every((label, index) => {
    if (!label.startsWith('xn--')) return isAscii(given[index] ?? '');
    const decoded = domainToUnicode(label);
    return decoded !== label && domainToASCII(decoded) === label;
  });
}

/** By the Public Suffix List with its private section; a name under a rule such as `*.ck` counts too. */
function isPublicSuffix(suffix: string): boolean {
  const options = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false };
  const probe = `x.${suffix}`;
  return getPublicSuffix(suffix, options) === suffix || getPublicSuffix(probe, options) === probe;
}

function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text);
}

/** As JSON, so that an invisible or control character shows in the message. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
