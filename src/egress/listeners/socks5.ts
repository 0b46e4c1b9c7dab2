import { formatAddress, parseAddress } from '../../net/address.ts';
import { parseHostname } from '../../net/hostname.ts';
import type { Authority } from '../../net/hostname.ts';

/**
 * A client's side of SOCKS 5 (RFC 1928) with a user name and password (RFC 1929), without sockets: bytes in, steps out.
 *
 * Each message has a length that it says itself, 513 bytes at most; one is held at a time, and what follows it.
 */
export type SocksStep =
  /** Nothing to do before more bytes come. */
  | { readonly kind: 'more' }
  /** These bytes answer what was read; there may be more to read. */
  | { readonly kind: 'answer'; readonly bytes: Buffer }
  /** Judge these, then call `accept` or `refuse`. Strings are latin1, not yet judged. */
  | { readonly kind: 'credentials'; readonly id: string; readonly token: string }
  /** Judge this, then call `accept` or `refuse`; what was read beyond it is `rest`. */
  | { readonly kind: 'connect'; readonly to: Authority }
  /** The client asked for what it cannot get, or spoke something else: these are the last bytes to it. */
  | { readonly kind: 'refused'; readonly bytes: Buffer; readonly reason: string };

/** RFC 1928 section 6, field REP. */
export const socksReplies = {
  succeeded: 0,
  general_failure: 1,
  not_allowed: 2,
  command_not_supported: 7,
  address_type_not_supported: 8,
} as const;

export type SocksReply = keyof typeof socksReplies;

const version = 5;
/** RFC 1929 section 2: the version of the sub-negotiation. */
const authenticationVersion = 1;
const noAuthentication = 0;
const userNameAndPassword = 2;
const noAcceptableMethod = 0xff;
const commandConnect = 1;
const addressTypes = { v4: 1, name: 3, v6: 4 } as const;

const more: SocksStep = { kind: 'more' };
const empty = Buffer.alloc(0);

export class Socks5Session {
  readonly #authenticates: boolean;
  #state: 'greeting' | 'credentials' | 'request' | 'judged' | 'over' = 'greeting';
  #held: Buffer = empty;

  /** `authenticates`: only clients that bring user name and password are served. */
  constructor(options: { authenticates: boolean }) {
    this.#authenticates = options.authenticates;
  }

  /** What was read and belongs to no message yet; after `connect`, what the client sent ahead. */
  get rest(): Buffer {
    return this.#held;
  }

  /** Takes what has come; `next` says what it means. */
  push(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
  }

  /** The next step; to be asked again until it is `more` or asks for a judgement. */
  next(): SocksStep {
    if (this.#state === 'greeting') return this.#readGreeting();
    if (this.#state === 'credentials') return this.#readCredentials();
    if (this.#state === 'request') return this.#readRequest();
    return more;
  }

  /** RFC 1928 section 3: version, number of methods, methods. */
  #readGreeting(): SocksStep {
    const held = this.#held;
    const [read = version, count] = held;
    if (read !== version) return this.#refused(Buffer.from([version, noAcceptableMethod]), 'not SOCKS 5');
    if (count === undefined || held.length < 2 + count) return more;
    const methods = held.subarray(2, 2 + count);
    this.#held = held.subarray(2 + count);
    if (!this.#authenticates && methods.includes(noAuthentication)) {
      this.#state = 'request';
      return { kind: 'answer', bytes: Buffer.from([version, noAuthentication]) };
    }
    if (methods.includes(userNameAndPassword)) {
      this.#state = 'credentials';
      return { kind: 'answer', bytes: Buffer.from([version, userNameAndPassword]) };
    }
    return this.#refused(Buffer.from([version, noAcceptableMethod]), 'no method of authentication that is taken here');
  }

  /** RFC 1929 section 2: version, user name and password with their lengths, 1 to 255 each. */
  #readCredentials(): SocksStep {
    const held = this.#held;
    const [read = authenticationVersion, nameLength] = held;
    if (read !== authenticationVersion || nameLength === 0) return this.#badCredentials();
    if (nameLength === undefined) return more;
    const passwordLength = held[2 + nameLength];
    if (passwordLength === 0) return this.#badCredentials();
    if (passwordLength === undefined) return more;
    const end = 3 + nameLength + passwordLength;
    if (held.length < end) return more;
    const id = held.toString('latin1', 2, 2 + nameLength);
    const token = held.toString('latin1', 3 + nameLength, end);
    this.#held = held.subarray(end);
    this.#state = 'judged';
    return { kind: 'credentials', id, token };
  }

  #badCredentials(): SocksStep {
    return this.#refused(credentialAnswer(false), 'malformed user name and password (RFC 1929 section 2)');
  }

  /** RFC 1928 section 4: version, command, a reserved zero, type of address, address, port. */
  #readRequest(): SocksStep {
    const held = this.#held;
    const [read = version, command = commandConnect, reserved = 0, type, first] = held;
    if (read !== version || reserved !== 0) return this.#refusedRequest('general_failure', 'a malformed request');
    if (command !== commandConnect) return this.#refusedRequest('command_not_supported', 'only CONNECT is served');
    if (type === undefined) return more;
    const length = addressLength(type, first);
    if (length === null) return this.#refusedRequest('address_type_not_supported', 'an unknown type of address');
    if (length === -1 || held.length < 4 + length + 2) return more;
    const to = readAuthority(type, held.subarray(4, 4 + length), held.readUInt16BE(4 + length));
    if (to === null) return this.#refusedRequest('general_failure', 'no host name, or port 0');
    this.#held = held.subarray(4 + length + 2);
    this.#state = 'judged';
    return { kind: 'connect', to };
  }

  /** The answer that says yes to what was judged. */
  accept(step: 'credentials' | 'connect'): Buffer {
    this.#state = step === 'credentials' ? 'request' : 'over';
    return step === 'credentials' ? credentialAnswer(true) : requestAnswer('succeeded');
  }

  /** The last bytes to a client that was refused. RFC 1929: "the server MUST close the connection." */
  refuse(step: 'credentials' | 'connect', reply: SocksReply): Buffer {
    this.#over();
    return step === 'credentials' ? credentialAnswer(false) : requestAnswer(reply);
  }

  #refusedRequest(reply: SocksReply, reason: string): SocksStep {
    return this.#refused(requestAnswer(reply), reason);
  }

  #refused(bytes: Buffer, reason: string): SocksStep {
    this.#over();
    return { kind: 'refused', bytes, reason };
  }

  #over(): void {
    this.#state = 'over';
    this.#held = empty;
  }
}

/** In octets, the one of a name's length included; -1: not known yet; null: no such type. */
function addressLength(type: number, first: number | undefined): number | null {
  if (type === addressTypes.v4) return 4;
  if (type === addressTypes.v6) return 16;
  if (type !== addressTypes.name) return null;
  return first === undefined ? -1 : 1 + first;
}

function readAuthority(type: number, octets: Buffer, port: number): Authority | null {
  if (port === 0) return null;
  if (type !== addressTypes.name) {
    const words: number[] = [];
    for (let at = 0; at < octets.length; at += 2) words.push(octets.readUInt16BE(at));
    return { host: formatAddress({ family: type === addressTypes.v4 ? 4 : 6, words }), port, isAddress: true };
  }
  const written = octets.toString('latin1', 1);
  const name = parseHostname(written);
  if (name !== null) return { host: name, port, isAddress: false };
  // Clients that leave names to us send addresses so too.
  const address = parseAddress(written);
  return address === null ? null : { host: formatAddress(address), port, isAddress: true };
}

function credentialAnswer(right: boolean): Buffer {
  return Buffer.from([authenticationVersion, right ? 0 : 1]);
}

/** The address that we are bound to is nobody's business: zeros. */
function requestAnswer(reply: SocksReply): Buffer {
  return Buffer.from([version, socksReplies[reply], 0, addressTypes.v4, 0, 0, 0, 0, 0, 0]);
}

/** What a client of SOCKS 4, which knows no authentication, is answered: request rejected. */
export const socks4Refusal = Buffer.from([0, 0x5b, 0, 0, 0, 0, 0, 0]);
