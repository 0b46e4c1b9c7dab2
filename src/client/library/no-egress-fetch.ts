import { StandinError } from '../errors.ts';

/** In place of `egress-fetch.ts` in a browser. */
export async function egressFetch(): Promise<Response> {
  throw new StandinError('a page cannot choose its proxy: call sandbox.fetch in Node', { code: 'not_here' });
}
