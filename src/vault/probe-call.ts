import { badField } from '../errors.ts';
import { hostMatches } from '../net/hostname.ts';
import type { SecretRecord } from '../store/store.ts';
import { compileRules } from './compile.ts';
import type { CompiledSlot } from './compile.ts';
import { catalogue } from './providers/catalogue.ts';
import type { Probe } from './providers/probe.ts';
import { storedAuth } from './stored-auth.ts';

/** What an answer says of the key. `works` null: any 2xx; empty: no status says so. */
export interface Verdicts extends Pick<Probe, 'limited' | 'refused' | 'answerHas'> {
  works: readonly number[] | null;
}

/** One call that is to tell whether a key works. */
export interface ProbeCall {
  method: string;
  url: URL;
  headers: [name: string, value: string][];
  body: string | null;
  verdicts: Verdicts;
  /** The provider wants a user name with the key, and none is known. */
  lacksUser: boolean;
}

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Of a URL that the caller gave: who answers it with success takes the key. */
const asAsked: Verdicts = { works: null, limited: [], refused: [401], answerHas: null };
/** Of the root of a host, which may be open to everybody. */
const ofTheRoot: Verdicts = { ...asAsked, works: [] };

/**
 * The calls for a secret, with `standIn` where its rule has it; one after the other is made until the key works. Without a
 * URL those of its provider; for own rules the root of the first host that is a whole name. `https://user@host/` says the user
 * name for Basic.
 */
export function probeCalls(
  secret: SecretRecord,
  asked: { method?: string | undefined; url?: string | undefined },
  standIn: string,
): [ProbeCall, ...ProbeCall[]] {
  if (asked.method !== undefined && !safeMethods.has(asked.method)) {
    throw badField('method', 'must be GET, HEAD or OPTIONS: a test changes nothing');
  }
  const method = asked.method ?? 'GET';
  if (asked.url !== undefined) {
    return [callAt(secret, urlFor(secret, asked.url), { method, standIn, verdicts: asAsked })];
  }
  const provider = catalogue.get(secret.providerShortcut ?? '');
  if (provider !== undefined) {
    const { probe } = provider;
    const [first, ...others] = 'none' in probe ? [] : probe.hosts.filter((host) => isFor(secret, host));
    if ('none' in probe || first === undefined) throw noCall('none' in probe ? `: ${probe.none}` : '');
    if (probe.notFor.some((prefix) => standIn.startsWith(prefix))) throw noCall(', of this kind of key');
    const call = (host: string) =>
      providersCall(secret, host, { probe, method: asked.method ?? probe.method, standIn });
    return [call(first), ...others.map(call)];
  }
  const host = secret.hosts.find((each) => !each.startsWith('*.'));
  if (host === undefined) throw noCall('');
  return [callAt(secret, new URL(`https://${host}/`), { method, standIn, verdicts: ofTheRoot })];
}

function noCall(why: string): Error {
  return badField(
    'url',
    `required: no harmless call is known for this secret${why}; give an https URL of one of its hosts`,
  );
}

function providersCall(
  secret: SecretRecord,
  host: string,
  { probe, method, standIn }: { probe: Probe; method: string; standIn: string },
): ProbeCall {
  const url = new URL(`https://${host}${probe.path}`);
  if (probe.user !== null && 'any' in probe.user) url.username = probe.user.any;
  const call = callAt(secret, url, { method, standIn, verdicts: probe });
  call.headers.push(...Object.entries(probe.headers));
  if (method === 'POST' && probe.body !== null) {
    call.headers.push(['Content-Type', 'application/json']);
    call.body = probe.body;
  }
  return call;
}

/** At `url`, whose user name goes into Basic credentials. */
function callAt(
  secret: SecretRecord,
  url: URL,
  { method, standIn, verdicts }: { method: string; standIn: string; verdicts: Verdicts },
): ProbeCall {
  const user = decodeURIComponent(url.username);
  url.username = '';
  const slot = slotAt(secret, url.hostname);
  const headers: [string, string][] = [['User-Agent', 'standin']];
  if (slot.kind === 'query') url.searchParams.set(slot.name, standIn);
  else headers.push(...headerLines(slot, { standIn, user }));
  const lacksUser = slot.kind === 'basic' && slot.place === 'password' && slot.username === null && user === '';
  return { method, url, headers, body: null, verdicts, lacksUser };
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
