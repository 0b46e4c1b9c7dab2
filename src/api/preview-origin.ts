import type { IncomingMessage } from 'node:http';
import { StandinError } from '../errors.ts';

/** The sandbox that a host name, without a port, belongs to; null: it is no preview's. */
export type SandboxOf = (hostname: string) => string | null;

/**
 * Refuses (`forbidden`) what somebody else's page makes a browser send with the cookie of a preview. To browsers all
 * previews are one site, so `SameSite` holds none of them back from another's. Pages of the same sandbox may ask each
 * other's ports; whoever follows a link comes from anywhere.
 */
export function requireOwnSandbox({ headers }: IncomingMessage, sandboxId: string, sandboxOf: SandboxOf): void {
  // A page cannot make up a Referer, only leave it out. In a browser that has Sec-Fetch-Site that says enough.
  const from = headers.origin ?? headers.referer;
  const site = headers['sec-fetch-site'];
  const isLink = headers.origin === undefined && headers['sec-fetch-mode'] === 'navigate';
  if (isLink || site === 'same-origin') return;
  const isForeign = site === 'same-site' || site === 'cross-site' || headers.origin !== undefined;
  if (isForeign && sandboxOf(URL.parse(from ?? '')?.hostname ?? '') !== sandboxId)
    throw new StandinError('forbidden', 'Origin: a cookie of a preview is for pages of its own sandbox');
}

/** Whether the page, if any, is of the very host and port that is asked. */
export function isSameOrigin({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  return origin === undefined || origin === `https://${host}` || origin === `http://${host}`;
}
