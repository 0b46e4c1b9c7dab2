import type { Authority } from '../../test/support/certificates.ts';
import type { LoadTarget } from '../load/protocol.ts';

/** A proxy that puts the real credential into requests that carry another. */
export interface Peer {
  name: string;
  target: LoadTarget;
  /** What a client of it sends as its credential. */
  credential: string;
  /** Of its first process; those it started descend from it. */
  pid: number;
  stop(): Promise<unknown>;
}

/** What each is set up with. */
export interface PeerSetup {
  authority: Authority;
  upstreamPort: number;
  /** A command that runs the proxy, such as `taskset -c 0`. */
  launcher: string[];
}

/** Sent to peers that replace whatever comes: as long as a stand-in of ours. */
export const placeholder = 'placeholder-of-the-length-of-a-standin-key';
