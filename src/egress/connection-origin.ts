import type { Socket } from 'node:net';
import type { Authority } from '../net/hostname.ts';
import type { EgressContext } from './context.ts';
import { recordConnection } from './recorder.ts';
import type { SharedRoute } from './request-source.ts';
import { resolveDestination } from './target.ts';
import type { Destination, Refused } from './target.ts';

/** What is known of a connection before its first request. */
export interface ConnectionOrigin {
  /** `proxy`: requests name their host themselves. `origin`: the connection is to one host. */
  readonly mode: 'proxy' | 'origin';
  /** Null: each request says who it is by `Proxy-Authorization`. */
  readonly sandboxId: string | null;
  readonly connect: Authority | null;
  readonly dialled: { readonly address: string; readonly port: number; readonly name: string | null } | null;
  readonly tls: { readonly serverName: string | null } | null;
}

/** What a connection is for: null where it is to the proxy itself, or where its names disagree. */
export function destinationOf(origin: ConnectionOrigin): {
  destination: Destination | null;
  misdirected: Refused | null;
} {
  const arrival = arrivalOf(origin);
  const found = arrival === null ? null : resolveDestination(arrival);
  if (found === null) return { destination: null, misdirected: null };
  return 'refused' in found ? { destination: null, misdirected: found } : { destination: found, misdirected: null };
}

function arrivalOf(origin: ConnectionOrigin): Parameters<typeof resolveDestination>[0] | null {
  if (origin.mode === 'proxy') return null;
  const tls = { tls: origin.tls !== null, sni: origin.tls?.serverName ?? null };
  if (origin.connect !== null) return { kind: 'connect', authority: origin.connect, ...tls };
  if (origin.dialled !== null) return { kind: 'namespace', ...origin.dialled, ...tls };
  return null;
}

/** Puts down a connection that has closed, where a request of it went out. */
export function recordClosed(
  context: EgressContext,
  socket: Socket,
  { destination, shared }: { destination: Destination | null; shared: SharedRoute },
): void {
  if (destination === null || shared.dialled === null) return;
  const { address, entry } = shared.dialled;
  recordConnection(context, entry.snapshot, {
    host: destination.host,
    dstIp: address,
    dstPort: destination.port,
    verdict: 'allowed',
    matchRule: entry.rules.network.judgeHost(destination.host).rule,
    bytesSent: socket.bytesRead,
    bytesRecv: socket.bytesWritten,
  });
}
