import { startCopyPeer } from './copy.ts';
import { startHaproxyPeer } from './haproxy.ts';
import { startMitmproxyPeer } from './mitmproxy.ts';
import { startNginxPeer } from './nginx.ts';
import { startNodePeer } from './node-peer.ts';
import type { Peer, PeerSetup } from './peer.ts';
import { startSquidPeer } from './squid.ts';

/** Whom Standin is measured beside. */
export type PeerName = (typeof peerNames)[number];

/** In the order in which they are asked for and printed. */
export const peerNames = ['nginx', 'haproxy', 'squid', 'mitmproxy', 'mockttp', 'http-mitm-proxy', 'node-copy'] as const;

/** Each throws where its program is not there, or does not start. */
export const peerStarters: Readonly<Record<PeerName, (setup: PeerSetup) => Promise<Peer>>> = {
  nginx: startNginxPeer,
  haproxy: startHaproxyPeer,
  squid: startSquidPeer,
  mitmproxy: startMitmproxyPeer,
  mockttp: (setup) => startNodePeer('mockttp', setup),
  'http-mitm-proxy': (setup) => startNodePeer('http-mitm-proxy', setup),
  'node-copy': startCopyPeer,
};
