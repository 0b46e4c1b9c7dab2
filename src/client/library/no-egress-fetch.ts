import { StandinError } from '../errors.ts';

/** What `sandbox.fetch` throws in a page. */
export function notInPage(): StandinError {
  return new StandinError('a page cannot choose its proxy: call sandbox.fetch in Node', { code: 'not_supported' });
}

/** In place of `egress-fetch.ts`, by the package's `browser` field, where a page is bundled. */
export async function egressFetch(): Promise<Response> {
  throw notInPage();
}
