import { badField } from '../errors.ts';
import { hostMatches } from '../net/hostname.ts';
import type { SecretRecord } from '../store/store.ts';
import { compileRules } from './compile.ts';
import type { CompiledSlot } from './compile.ts';
import { probes } from './providers/probes.ts';
import type { Probe } from './providers/probes.ts';
import { storedAuth } from './stored-auth.ts';

/** One call that is to tell whether a key works. */
export interface ProbeCall {
  method: string;
  url: URL;
  headers: [name: string, value: string][];
  body: string | null;
  probe: Probe;
  /** The provider wants a user name with the key, and none is known. */
  lacksUser: boolean;
}

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The call for a secret, with `standIn` where its rule has it. Without a URL that of its provider; for own rules the root of the
 * first host that is a whole name. `https://user@host/` says the user name for Basic.
 */
export function probeCall(
  secret: SecretRecord,
  asked: { method?: string | undefined; url?: string | undefined },
  standIn: string,
): ProbeCall {
  const known = asked.url === undefined ? (probes[secret.providerShortcut ?? ''] ?? null) : null;
  const method = asked.method ?? known?.method ?? 'GET';
  if (asked.method !== undefined && !safeMethods.has(asked.method)) {
    throw badField('method', 'must be GET, HEAD or OPTIONS: a test changes nothing');
  }
  const url = asked.url === undefined ? ownUrl(secret, known) : urlFor(secret, asked.url);
  const user = decodeURIComponent(url.username);
  url.username = '';
  const slot = slotAt(secret, url.hostname);
  const headers: [string, string][] = [['User-Agent', 'standin'], ...Object.entries(known?.headers ?? {})];
  if (known?.body !== undefined) headers.push(['Content-Type', 'application/json']);
  if (slot.kind === 'query') url.searchParams.set(slot.name, standIn);
  else headers.push(...headerLines(slot, { standIn, user }));
  const lacksUser = slot.kind === 'basic' && slot.place === 'password' && slot.username === null && user === '';
  const body = method === 'POST' ? (known?.body ?? null) : null;
  return { method, url, headers, body, probe: known ?? { path: url.pathname }, lacksUser };
}

function ownUrl(secret: SecretRecord, known: Probe | null): URL {
  const host = known?.host ?? secret.hosts.find((each) => !each.startsWith('*.'));
  if (host === undefined || !isFor(secret, host)) {
    throw badField('url', 'required: no call is known for this secret; give an https URL of one of its hosts');
  }
  return new URL(`https://${host}${known?.path ?? '/'}`);
}

/** A URL that a caller gave: https, and at a host that the secret may go to anyway. */
export function urlFor(secret: SecretRecord, text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw badField('url', 'must be an absolute URL such as https://api.example.com/v1/models');
  if (url.protocol !== 'https:') throw badField('url', 'must begin with https://; credentials never go without TLS');
  if (url.password !== '') throw badField('url', 'must not hold a password: the stand-in takes its place');
  if (url.port !== '') throw badField('url', 'must not name a port');
  url.hash = '';
  if (!isFor(secret, url.hostname)) {
    throw badField('url', `must be at one of the secret's hosts: ${secret.hosts.join(', ')}`);
  }
  return url;
}

function isFor({ hosts }: SecretRecord, host: string): boolean {
  return hosts.some((pattern) => hostMatches(pattern, host));
}

function slotAt(secret: SecretRecord, host: string): CompiledSlot {
  const rules = compileRules({ ...secret, authConfig: storedAuth(secret).authConfig });
  const slot = rules.find(({ hosts }) => hosts.some((pattern) => hostMatches(pattern, host)))?.slots[0];
  if (slot === undefined) throw badField('url', `the secret has no rule for ${host}`);
  return slot;
}

function headerLines(
  slot: Exclude<CompiledSlot, { kind: 'query' }>,
  { standIn, user }: { standIn: string; user: string },
): [string, string][] {
  if (slot.kind === 'header') return slot.set.map(({ name, before, after }) => [name, `${before}${standIn}${after}`]);
  const name = slot.username ?? (user === '' ? 'x' : user);
  const credentials = slot.place === 'username' ? `${standIn}:` : `${name}:${standIn}`;
  return [['Authorization', `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`]];
}
