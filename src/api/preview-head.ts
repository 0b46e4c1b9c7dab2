import type { IncomingMessage } from 'node:http';
import { sessionCookies } from './cookies.ts';
import { previewCookie, previewHeader, previewQueryParameter } from '../contract/preview-wire.ts';

/** Header lines as Node's client takes them: name and value in turn, in their order, as often as they come. */
type Lines = string[];

/** Of one connection alone: RFC 9110, section 7.6.1. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Credentials for us: whatever a sandbox serves, it does not get them, also where they were sent by mistake. */
const ours = new Set([
  previewHeader.toLowerCase(),
  'x-api-key',
  'x-access-token',
  'x-superserve-sandbox-id',
  'proxy-authorization',
]);
/** Said by us. */
const forwarded = new Set(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'expect']);
/** What a sandbox may not say of a name that is ours, or of another place for it. */
const notTheirs = new Set(['strict-transport-security', 'alt-svc', 'public-key-pins', 'proxy-authenticate']);

/** The token of a request, wherever it stands; the header wins over the link, and that over the cookie. */
export function tokenOf(request: IncomingMessage): { token: string | null; from: 'header' | 'link' | 'cookie' | null } {
  const header = request.headers[previewHeader.toLowerCase()];
  if (typeof header === 'string') return { token: header, from: 'header' };
  const link = new URL(request.url ?? '/', 'http://preview').searchParams.get(previewQueryParameter);
  if (link !== null) return { token: link, from: 'link' };
  const cookie = cookiesOf(request.headers.cookie).find(([name]) => name === previewCookie)?.[1];
  return cookie === undefined ? { token: null, from: null } : { token: cookie, from: 'cookie' };
}

/** The path and query without the token. */
export function pathWithout(url: string): string {
  const [path = '/', ...query] = url.split('?');
  const rest = query
    .join('?')
    .split('&')
    .filter((part) => part !== '' && !new URLSearchParams(part).has(previewQueryParameter));
  return rest.length === 0 ? path : `${path}?${rest.join('&')}`;
}

/** A request's head as the sandbox gets it. `upgrade`: it asks for a WebSocket. */
export function requestLines(
  request: IncomingMessage,
  { scheme, upgrade }: { scheme: 'http' | 'https'; upgrade: boolean },
): Lines {
  const named = connectionNames(request.headers.connection);
  const lines = pairs(request.rawHeaders).flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || named.has(lower) || ours.has(lower) || forwarded.has(lower)) return [];
    if (lower !== 'cookie') return [name, value];
    const kept = cookiesOf(value).filter(([each]) => each !== previewCookie && !sessionCookies.has(each));
    return kept.length === 0 ? [] : [name, kept.map(([each, text]) => `${each}=${text}`).join('; ')];
  });
  lines.push('X-Forwarded-For', request.socket.remoteAddress ?? '', 'X-Forwarded-Proto', scheme);
  lines.push('X-Forwarded-Host', request.headers.host ?? '');
  if (upgrade) lines.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  else if (request.headers['transfer-encoding'] !== undefined) lines.push('Transfer-Encoding', 'chunked');
  return lines;
}

/** An answer's head as the browser gets it: no cookie of it is for another host than its own. */
export function responseLines(response: IncomingMessage): Lines {
  const named = connectionNames(response.headers.connection);
  const upgrade = response.statusCode === 101;
  return pairs(response.rawHeaders).flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    if (upgrade && ['connection', 'upgrade'].includes(lower)) return [name, value];
    if (hopByHop.has(lower) || named.has(lower) || notTheirs.has(lower)) return [];
    const own = lower === 'set-cookie' ? ownCookie(value) : lower === 'clear-site-data' ? ownData(value) : value;
    return own === null ? [] : [name, own];
  });
}

/** Cookies are not among it: a browser forgets those of the whole domain, by which people are signed in (Clear Site Data, section 4.2). */
const clearable = ['"cache"', '"storage"', '"executionContexts"'];

/** What of Clear-Site-Data is of this origin alone; null: nothing. */
function ownData(value: string): string | null {
  const types = value.split(',').map((each) => each.trim());
  const own = types.includes('"*"') ? clearable : types.filter((each) => clearable.includes(each));
  return own.length === 0 ? null : own.join(', ');
}

/** Null for one that would take the place of ours. */
function ownCookie(text: string): string | null {
  const [first = '', ...attributes] = text.split(';');
  const name = first.split('=')[0]?.trim() ?? '';
  if (name.toLowerCase() === previewCookie.toLowerCase()) return null;
  return [first, ...attributes.filter((each) => !/^\s*domain\s*=/i.test(each))].join(';');
}

function cookiesOf(header: string | undefined): [name: string, value: string][] {
  return (header ?? '').split(';').flatMap((part): [string, string][] => {
    const [name = '', ...value] = part.trim().split('=');
    return name === '' ? [] : [[name, value.join('=')]];
  });
}

function connectionNames(header: string | undefined): Set<string> {
  return new Set((header ?? '').split(',').map((each) => each.trim().toLowerCase()));
}

function pairs(raw: readonly string[]): [name: string, value: string][] {
  return raw.flatMap((name, index): [string, string][] => (index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : []));
}
