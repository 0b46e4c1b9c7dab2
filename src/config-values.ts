// The forms that a setting's text may take: each gives the value, or throws an Error that says what would be right.
import { isIP } from 'node:net';
import { parseCidr } from './net/address.ts';
import { parseHostname } from './net/hostname.ts';

export interface ListenAddress {
  host: string;
  port: number;
}

/** `host:port` as a client asks for it, and the `address:port` that is dialled instead. */
export interface ConnectTo {
  host: string;
  port: number;
  address: string;
  toPort: number;
}

/** A root file system that sandboxes may run on: a directory, or a tarball of one. */
export interface RegisteredTemplate {
  name: string;
  path: string;
}

export function nonEmpty(text: string): string {
  if (text.trim() === '') throw new Error('must not be empty');
  return text;
}

export function wholeNumber(text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new Error(`must be a whole number from ${least} to ${most}`);
  return value;
}

export function oneOf<const Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((each) => each === text);
  if (found === undefined) throw new Error(`must be one of ${choices.join(', ')}`);
  return found;
}

export function list(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

export function listenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535)
    throw new Error('must be address:port, such as 127.0.0.1:8787 or [::1]:8787');
  return { host, port };
}

export function hostname(text: string): string {
  const name = parseHostname(text);
  if (name === null) throw new Error('must be a host name');
  return name;
}

export function cidr(text: string): string {
  if (parseCidr(text) === null) throw new Error(`${text} is not a CIDR such as 10.0.0.0/8`);
  return text;
}

export function connectTo(text: string): ConnectTo {
  const match = /^([^:[\]]+):(\d{1,5}):(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] === undefined ? null : parseHostname(match[1]);
  const address = match?.[3] ?? match?.[4] ?? '';
  const [port, toPort] = [Number(match?.[2]), Number(match?.[5])];
  if (host === null || isIP(address) === 0 || !isPort(port) || !isPort(toPort)) {
    throw new Error(`${text}: must be host:port:address:port, such as api.example.com:443:127.0.0.1:8443`);
  }
  return { host, port, address, toPort };
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65_535;
}

export function databaseUrl(text: string): string {
  if (text.startsWith('sqlite:') || /^postgres(ql)?:\/\//.test(text)) return text;
  throw new Error('must start with sqlite: or postgres://');
}

export function bootstrapKey(text: string): string {
  if (text.length < 20 || /[^\x21-\x7e]/.test(text))
    throw new Error('must be 20 or more printable characters without spaces');
  return text;
}

/** `base` is what sandboxes run on where nothing is said. */
export function templates(text: string): RegisteredTemplate[] {
  const found = list(text).map((each) => {
    const match = /^([a-z0-9][a-z0-9._-]{0,62})=(\/.*)$/i.exec(each);
    const [, name = '', path = ''] = match ?? [];
    if (match === null || name === 'base' || path.split('/').includes('..')) {
      throw new Error(`${each}: must be name=/path, such as python=/srv/python.tar.gz; the name \`base\` is taken`);
    }
    return { name, path };
  });
  const twice = found.find(({ name }, index) => found.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new Error(`${twice.name}: is given twice`);
  return found;
}
