import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A connection to an agent, for one thing to be asked on it. Rejects with `unavailable` where there is none to be had. */
export type DialAgent = () => Promise<Socket>;

/** To an agent that listens on the unix socket at this path. */
export function dialPath(path: string): DialAgent {
  return () => Promise.resolve(connect({ path, allowHalfOpen: true }));
}
