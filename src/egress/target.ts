import { embeddedAddress, formatAddress, parseAddress } from '../net/address.ts';
import { parseAuthority, parseHostname } from '../net/hostname.ts';
import type { Authority } from '../net/hostname.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { RequestHead } from './wire/head.ts';

/** How a connection came in, by facts that no header can change. `sni`: the server name of its ClientHello, if any. */
export type Arrival =
  | { kind: 'connect'; authority: Authority; tls: boolean; sni: string | null }
  /** From inside a sandbox's namespace: what was dialled, and the name that our DNS gave that address for. */
  | { kind: 'namespace'; address: string; port: number; name: string | null; tls: boolean; sni: string | null };

/** What a connection was opened to: by CONNECT or SOCKS, or by the address that was dialled inside a namespace. */
export interface Origin {
  /** The name or address that the proxy was asked for. */
  readonly connect: Authority | null;
  /** The address that was dialled inside the namespace, and the name under which its resolver gave it out. */
  readonly dialled: { readonly address: string; readonly port: number; readonly name: string | null } | null;
}

/** What a connection is for: the one thing that policy judges, the leaf names and the upstream dial goes to. */
export interface Destination {
  /** A lower-case name, or the canonical text of an address. */
  host: string;
  port: number;
  scheme: 'http' | 'https';
  isAddress: boolean;
}

export interface Target extends Destination {
  /** The request target as it goes upstream: origin form, or `*`. */
  path: string;
}

export interface Refused {
  refused: Refusal;
}

/** `tls`: null where it is none. Throws where the connection was opened to nothing: its requests name their hosts. */
export function arrivalOf(origin: Origin, tls: { readonly serverName: string | null } | null): Arrival {
  const facts = { tls: tls !== null, sni: tls?.serverName ?? null };
  if (origin.connect !== null) return { kind: 'connect', authority: origin.connect, ...facts };
  if (origin.dialled !== null) return { kind: 'namespace', ...origin.dialled, ...facts };
  throw new TypeError('a connection to nowhere');
}

const absoluteForm = /^(https?):\/\/([^/?]*)(.*)$/is;
const defaultPorts = { http: 80, https: 443 } as const;

/**
 * Once a connection: what it is for. The CONNECT name or the dialled address decides; the SNI must name the same, or be
 * absent. Refusals: `bad_request` for what is no name, `misdirected_request` for two that differ.
 */
export function resolveDestination(arrival: Arrival): Destination | Refused {
  const scheme = arrival.tls ? 'https' : 'http';
  let destination: Destination;
  if (arrival.kind === 'connect') {
    destination = { ...arrival.authority, scheme };
  } else if (arrival.name !== null) {
    const host = parseHostname(arrival.name);
    if (host === null) return malformed('the name that was looked up is not a host name');
    destination = { host, port: arrival.port, scheme, isAddress: false };
  } else {
    const address = parseAddress(arrival.address);
    if (address === null) return malformed('the dialled address is not an IP address');
    destination = { host: formatAddress(embeddedAddress(address)), port: arrival.port, scheme, isAddress: true };
  }
  if (arrival.sni === null) return destination;
  // RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not permitted in 'HostName'."
  const sni = parseHostname(arrival.sni);
  if (sni === null) return malformed('the TLS server name is not a host name');
  if (sni !== destination.host) {
    return misdirected(`the TLS server name is ${sni}, but the connection was opened to ${destination.host}`);
  }
  return destination;
}

/**
 * Once a request: what it is for. Host, an absolute target and the connection's destination must name the same host and
 * port. `null`: a request that came to the proxy itself, in absolute form, and so brings its own destination.
 */
export function resolveRequest(destination: Destination | null, head: RequestHead): Target | Refused {
  if (destination === null) {
    if (head.targetForm !== 'absolute') return malformed('a proxy is asked by CONNECT or with an absolute URL');
    return resolveAbsolute(null, head);
  }
  if (head.targetForm === 'authority') return malformed('CONNECT inside a tunnel');
  if (head.targetForm === 'absolute') return resolveAbsolute(destination, head);
  const { host, port, scheme, isAddress } = destination;
  return checkHost({ host, port, scheme, isAddress, path: head.target }, head);
}

function resolveAbsolute(destination: Destination | null, head: RequestHead): Target | Refused {
  const [, word = '', written = '', rest = ''] = absoluteForm.exec(head.target) ?? [];
  const scheme = word.toLowerCase() === 'https' ? 'https' : 'http';
  // RFC 9110 4.2.4: a userinfo in an http(s) URL is to be treated as an error; parseAuthority knows none.
  const authority = parseAuthority(written, defaultPorts[scheme]);
  if (authority === null) return malformed('the URL names no host, or one that is written oddly');
  if (destination !== null && !(scheme === destination.scheme && isSame(authority, destination))) {
    return misdirected(
      `the URL is for ${scheme}://${show(authority)}, but the connection was opened to ${show(destination)}`,
    );
  }
  return checkHost({ ...authority, scheme, path: originForm(rest, head.method) }, head);
}

/** RFC 9112 section 3.2.1 and 3.2.4: what an absolute URL's path is in the request to its own server. */
function originForm(rest: string, method: string): string {
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function checkHost(target: Target, { host }: RequestHead): Target | Refused {
  if (host === null) return target;
  if (host === target.host && target.port === defaultPorts[target.scheme]) return target;
  const named = parseAuthority(host, defaultPorts[target.scheme]);
  if (named === null) return malformed('Host names no host, or one that is written oddly');
  if (!isSame(named, target)) return misdirected(`Host is ${show(named)}, but the connection is for ${show(target)}`);
  return target;
}

/** What `Host` says of it (RFC 9110 section 7.2): without the port where that is the scheme's own. */
export function hostOf(target: Destination): string {
  return show(target).replace(new RegExp(`:${defaultPorts[target.scheme]}$`), '');
}

function isSame(a: Authority, b: Authority): boolean {
  return a.host === b.host && a.port === b.port;
}

function show({ host, port }: Authority): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function malformed(message: string): Refused {
  return { refused: refusal('bad_request', message) };
}

function misdirected(message: string): Refused {
  return { refused: refusal('misdirected_request', message) };
}
