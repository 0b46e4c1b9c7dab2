import type { Authority } from '../../test/support/certificates.ts';
import type { LoadShape, LoadTarget } from '../load/protocol.ts';
import { upstreamHost } from '../upstream.ts';
import type { HostKind } from '../upstream.ts';

/** A proxy that puts the real credential into requests that carry another. */
export interface Peer {
  name: string;
  /** What its clients can speak. */
  protocols: readonly LoadShape['protocol'][];
  /** How to ask it for what each kind of host has. */
  targets: Readonly<Record<HostKind, LoadTarget>>;
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

/** Sent to peers that replace whatever comes: as long as a stand-in of ours, so that all of them read as many bytes. */
const placeholder = 'placeholder-of-the-length-of-a-standin-key';

/** For peers that do the same for every host, and swap whatever they get, unless said otherwise. */
export function everyHost(
  target: Pick<LoadTarget, 'port' | 'ca'> & Partial<Pick<LoadTarget, 'authority' | 'tunnelAs' | 'credential'>>,
): Peer['targets'] {
  const whole = { host: upstreamHost, authority: upstreamHost, tunnelAs: null, credential: placeholder, ...target };
  return { bound: whole, free: whole };
}
