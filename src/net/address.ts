import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as its 16-bit words, most significant first: two of them for IPv4, eight for IPv6. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

export interface Cidr {
  readonly address: Address;
  /** Length of the prefix in bits. */
  readonly bits: number;
}

/**
 * An address in its textual form: dotted quad without leading zeros, or IPv6 as RFC 4291 section 2.2 has it, also with
 * IPv4 at its end. Null for anything else: zones (`fe80::1%eth0`), brackets, octal, hexadecimal or shortened IPv4.
 */
export function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return { family: 4, words: ipv4Words(text) };
  if (text.includes('%') || !isIPv6(text)) return null;
  const [left = '', right] = text.split('::');
  const head = ipv6Words(left);
  if (right === undefined) return { family: 6, words: head };
  const tail = ipv6Words(right);
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return { family: 6, words: [...head, ...gap, ...tail] };
}

/** The canonical text of an address (RFC 5952, all groups in hexadecimal). */
export function formatAddress({ family, words }: Address): string {
  if (family === 4) return words.flatMap((word) => [word >> 8, word & 0xff]).join('.');
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = words.map((word) => word.toString(16));
  if (best.at === -1) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}

/**
 * `address/bits`, or an address alone for itself only. Bits beyond the prefix are ignored, as `ip route` and most
 * firewalls do. Null for anything else.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === null) return null;
  const most = address.words.length * 16;
  if (slash === -1) return { address, bits: most };
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > most) return null;
  return { address, bits: Number(digits) };
}

/** Whether `address` lies in `cidr`. Families differ: it does not; see {@link embeddedAddress} for IPv4 in IPv6. */
export function cidrContains(cidr: Cidr, address: Address): boolean {
  if (cidr.address.family !== address.family) return false;
  for (let i = 0, left = cidr.bits; left > 0; i++, left -= 16) {
    const mask = left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff;
    if ((((cidr.address.words[i] ?? 0) ^ (address.words[i] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

/**
 * The IPv4 address that dialling an IPv4-mapped (RFC 4291 section 2.5.5.2) or NAT64 (RFC 6052) address really reaches;
 * every other address itself. Rules and guard judge this one, so that no second spelling gets round them.
 */
export function embeddedAddress(address: Address): Address {
  const holder = ipv4Holders.some((cidr) => cidrContains(cidr, address));
  return holder ? { family: 4, words: address.words.slice(6) } : address;
}

/**
 * Whether packets to `address` leave for the public internet, by the special-purpose registries of IANA (RFC 6890) and
 * what clouds add to them. IPv6 is judged closed: outside global unicast nothing is public.
 */
export function isPublicAddress(address: Address): boolean {
  const reached = embeddedAddress(address);
  if (reached.family === 6 && !cidrContains(globalUnicast, reached)) return false;
  return !specialBlocks.some(({ cidr }) => cidrContains(cidr, reached));
}

/**
 * The guard that stands before every dial: true for public addresses and for those that the operator lists
 * (`STANDIN_EGRESS_ALLOW_PRIVATE`, CIDRs). Text that is no address is refused. Throws on a malformed CIDR.
 */
export function makeAddressGuard(allowPrivate: readonly string[]): (address: string) => boolean {
  const allowed = allowPrivate.map(cidrOrThrow);
  return (text) => {
    const address = parseAddress(text);
    if (address === null) return false;
    if (isPublicAddress(address)) return true;
    const reached = embeddedAddress(address);
    return allowed.some((cidr) => cidrContains(cidr, reached) || cidrContains(cidr, address));
  };
}

/** What {@link isPublicAddress} refuses, with the document that sets each block apart. */
export const specialBlocks: readonly { readonly cidr: Cidr; readonly what: string; readonly source: string }[] = (
  [
    ['0.0.0.0/8', 'this network; 0.0.0.0 reaches the own host', 'RFC 791 section 3.2'],
    ['10.0.0.0/8', 'private use', 'RFC 1918'],
    ['100.64.0.0/10', 'carrier-grade NAT; 100.100.100.200 is the metadata service of Alibaba Cloud', 'RFC 6598'],
    ['127.0.0.0/8', 'loopback', 'RFC 1122 section 3.2.1.3'],
    ['168.63.129.16/32', 'host agent and metadata of Azure', 'Azure documentation, "What is 168.63.129.16"'],
    ['169.254.0.0/16', 'link-local; 169.254.169.254 is the metadata service of most clouds', 'RFC 3927'],
    ['172.16.0.0/12', 'private use', 'RFC 1918'],
    ['192.0.0.0/24', 'protocol assignments; 192.0.0.192 is metadata at Oracle Cloud', 'RFC 6890 section 2.1'],
    ['192.0.2.0/24', 'documentation', 'RFC 5737'],
    ['192.31.196.0/24', 'AS112', 'RFC 7535'],
    ['192.52.193.0/24', 'automatic multicast tunnelling', 'RFC 7450'],
    ['192.88.99.0/24', '6to4 relay anycast', 'RFC 7526'],
    ['192.168.0.0/16', 'private use', 'RFC 1918'],
    ['192.175.48.0/24', 'AS112', 'RFC 7534'],
    ['198.18.0.0/15', 'benchmarking; our synthetic DNS answers from it', 'RFC 2544'],
    ['198.51.100.0/24', 'documentation', 'RFC 5737'],
    ['203.0.113.0/24', 'documentation', 'RFC 5737'],
    ['224.0.0.0/4', 'multicast', 'RFC 5771'],
    ['240.0.0.0/4', 'reserved, with 255.255.255.255 limited broadcast', 'RFC 1112 section 4, RFC 919 section 7'],
    ['::/96', 'unspecified, loopback, IPv4-compatible', 'RFC 4291 sections 2.5.2, 2.5.3, 2.5.5.1'],
    ['64:ff9b:1::/48', 'NAT64 of local use', 'RFC 8215'],
    ['100::/64', 'discard only', 'RFC 6666'],
    ['100:0:0:1::/64', 'dummy prefix', 'RFC 9780'],
    ['2001::/23', 'protocol assignments: Teredo, benchmarking, ORCHID', 'RFC 2928, RFC 4380, RFC 5180, RFC 7343'],
    ['2001:db8::/32', 'documentation', 'RFC 3849'],
    ['2002::/16', '6to4: IPv4 in bits 16 to 47', 'RFC 3056, RFC 7526'],
    ['2620:4f:8000::/48', 'AS112', 'RFC 7534'],
    ['3fff::/20', 'documentation', 'RFC 9637'],
    ['5f00::/16', 'segment routing', 'RFC 9602'],
    ['fc00::/7', 'unique local; fd00:ec2::254 is the metadata service of AWS', 'RFC 4193'],
    ['fe80::/10', 'link-local', 'RFC 4291 section 2.5.6'],
    ['fec0::/10', 'site-local', 'RFC 3879'],
    ['ff00::/8', 'multicast', 'RFC 4291 section 2.7'],
  ] as const
).map(([cidr, what, source]) => ({ cidr: cidrOrThrow(cidr), what, source }));

const globalUnicast = cidrOrThrow('2000::/3');
const ipv4Holders = [cidrOrThrow('::ffff:0:0/96'), cidrOrThrow('64:ff9b::/96')];

function cidrOrThrow(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === null) throw new TypeError(`${text} is not a CIDR such as 10.0.0.0/8`);
  return cidr;
}

function ipv4Words(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

function ipv6Words(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => (group.includes('.') ? ipv4Words(group) : [Number.parseInt(group, 16)]));
}
