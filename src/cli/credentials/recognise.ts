import type { Shape } from './shapes.ts';

/** What is told of a value: never the value, at most what all of its provider's keys start with, and its length. */
export interface Recognised {
  /** The provider whose it seems to be; null where several or none fit. */
  provider: string | null;
  /** By the token's own shape, by the name of its variable alone, or only that it is a credential of some kind. */
  by: 'shape' | 'name' | 'guess';
  prefix: string;
  length: number;
}

/** A prefix shorter than this says nothing. */
const leastPrefix = 3;
/** What a token has after its prefix, where its length is not one that is known. */
const tokenTail = /^[A-Za-z0-9_.=+/-]{16,}$/;

/** Whose credential the value of a variable seems to be; null where it does not look like one. */
export function recognise(name: string, value: string, shapes: readonly Shape[]): Recognised | null {
  const length = Array.from(value).length;
  const exact = shapes.filter(({ prefix, exact: whole }) => prefix.length >= leastPrefix && whole.test(value));
  const begun = shapes.filter(
    ({ prefix }) =>
      prefix.length >= leastPrefix && value.startsWith(prefix) && tokenTail.test(value.slice(prefix.length)),
  );
  for (const fitting of [longest(exact), longest(begun)]) {
    const [first] = fitting;
    if (first === undefined) continue;
    const providers = new Set(fitting.map(({ provider }) => provider));
    const provider = providers.size === 1 ? first.provider : oneOf(name, [...providers]);
    return { provider, by: 'shape', prefix: first.prefix, length };
  }
  // Shapes that begin at random (`32 hex digits`) fit too much to count without the name.
  const named = shapes.find(({ provider, exact: whole }) => isNamedAfter(name, provider) && whole.test(value));
  if (named !== undefined) return { provider: named.provider, by: 'name', prefix: '', length };
  return looksSecret(name, value) ? { provider: null, by: 'guess', prefix: '', length } : null;
}

/** As it may be shown: `sk-ant-api03-…, 108 characters`. */
export function describe({ prefix, length }: Pick<Recognised, 'prefix' | 'length'>): string {
  return `${prefix === '' ? '' : `${prefix}…, `}${length} characters`;
}

const keyLines = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const jsonWebToken = /^eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*$/;
const awsKey = /^(?:AKIA|ASIA)[0-9A-Z]{16}$/;
const urlWithPassword = /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]{3,}@/i;
const secretName = /(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|PAT|PWD|AUTH)$/i;
const notSecret = /^(?:true|false|yes|no|on|off|null|none|\d{1,11}|[./~].*|https?:\/\/.*|\$\{?\w+\}?)$/i;
const placeholder = /(?:your|change|example|placeholder|replace|dummy|xxx|todo|<.*>|\.\.\.)/i;

function looksSecret(name: string, value: string): boolean {
  if (keyLines.test(value) || jsonWebToken.test(value) || awsKey.test(value) || urlWithPassword.test(value))
    return true;
  if (!secretName.test(name) || value.length < 8 || /\s/.test(value)) return false;
  return !notSecret.test(value) && !placeholder.test(value);
}

/** Of several whose keys look alike: the one in the variable's name, else the one that others are parts of. */
function oneOf(name: string, providers: readonly string[]): string | null {
  const named = providers.filter((provider) => isNamedAfter(name, provider)).toSorted((a, b) => b.length - a.length);
  const whole = providers.find((each) => providers.some((other) => other.startsWith(`${each}-`)));
  return named[0] ?? whole ?? null;
}

function longest(shapes: readonly Shape[]): Shape[] {
  const most = Math.max(0, ...shapes.map(({ prefix }) => prefix.length));
  return shapes.filter(({ prefix }) => prefix.length === most);
}

function isNamedAfter(name: string, provider: string): boolean {
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  return provider.split('-').every((part) => words.includes(part));
}
