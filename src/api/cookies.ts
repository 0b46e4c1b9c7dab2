import type { IncomingMessage } from 'node:http';
import { StandinError } from '../errors.ts';

/** Over TLS a name that no other host of the domain can set (RFC 6265bis, section 4.1.3.2). */
const secureName = '__Host-standin_session';
const plainName = 'standin_session';

/** The cookies by which somebody is signed in: nothing but the control plane sees them. */
export const sessionCookies: ReadonlySet<string> = new Set([secureName, plainName]);

/** Longer than any session lasts: when it is over the store says. */
const maxAgeSeconds = 7 * 24 * 60 * 60;
const safeMethods = new Set(['GET', 'HEAD']);

export function sessionCookie(request: IncomingMessage, token: string): string {
  return `${nameFor(request)}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secure(request)}`;
}

export function endedCookie(request: IncomingMessage): string {
  return `${nameFor(request)}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0${secure(request)}`;
}

/** What the session's cookie holds; null: there is none, or there are two, one of which somebody else set. */
export function sessionToken(request: IncomingMessage): string | null {
  const name = nameFor(request);
  const found = (request.headers.cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`));
  const [only, second] = found;
  if (only === undefined || second !== undefined) return null;
  const token = only.slice(name.length + 1);
  return /^[A-Za-z0-9_-]{43}$/.test(token) ? token : null;
}

/**
 * Refuses (`forbidden`) what a page of somebody else makes a browser ask: a cookie goes along whoever asks. A browser says where
 * a request comes from in `Sec-Fetch-Site` or `Origin`; who says neither may only read.
 */
export function requireOwnPage(request: IncomingMessage): void {
  const site = request.headers['sec-fetch-site'];
  const { origin, host } = request.headers;
  const safe = safeMethods.has(request.method ?? '') && request.headers.upgrade === undefined;
  // `none`: a person typed the address or opened a bookmark.
  if (site !== undefined && site !== 'same-origin' && !(safe && site === 'none')) throw foreign();
  if (origin !== undefined && !isOrigin(origin, host)) throw foreign();
  if (site === undefined && origin === undefined && !safe) throw foreign();
}

function isOrigin(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin);
  return url !== null && host !== undefined && /^https?:$/.test(url.protocol) && url.host === host.toLowerCase();
}

function foreign(): StandinError {
  return new StandinError(
    'forbidden',
    'Origin: a session is for pages of this server alone; programs use X-API-Key instead of the cookie',
  );
}

function nameFor(request: IncomingMessage): string {
  return isSecure(request) ? secureName : plainName;
}

function secure(request: IncomingMessage): string {
  return isSecure(request) ? '; Secure' : '';
}

/** Whether the browser speaks TLS, to us or to a proxy before us. Who lies in the header only hurts himself. */
function isSecure(request: IncomingMessage): boolean {
  return 'encrypted' in request.socket || request.headers['x-forwarded-proto'] === 'https';
}
