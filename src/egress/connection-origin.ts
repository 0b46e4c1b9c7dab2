import type { Socket } from 'node:net';
import { ConnectionRows } from './connection-rows.ts';
import type { EgressContext } from './context.ts';
import { arrivalOf, resolveDestination } from './target.ts';
import type { Destination, Origin, Refused } from './target.ts';

/** What is known of a connection before its first request. */
export interface ConnectionOrigin extends Origin {
  /** `proxy`: requests name their host themselves. `origin`: the connection is to one host. */
  readonly mode: 'proxy' | 'origin';
  /** Null: each request says who it is by `Proxy-Authorization`. */
  readonly sandboxId: string | null;
  readonly tls: { readonly serverName: string | null } | null;
}

/** What a connection is for: null where it is to the proxy itself, or where its names disagree. */
export function destinationOf(origin: ConnectionOrigin): {
  destination: Destination | null;
  misdirected: Refused | null;
} {
  if (origin.mode === 'proxy') return { destination: null, misdirected: null };
  const found = resolveDestination(arrivalOf(origin, origin.tls));
  return 'refused' in found ? { destination: null, misdirected: found } : { destination: found, misdirected: null };
}

/** Its rows: of what it was opened to, where no request says more. */
export function rowsOf(context: EgressContext, socket: Socket, origin: ConnectionOrigin): ConnectionRows {
  const { sandboxId, mode } = origin;
  if (sandboxId === null) return new ConnectionRows(context, socket, null);
  const opened = mode === 'proxy' ? null : resolveDestination(arrivalOf(origin, null));
  return new ConnectionRows(context, socket, {
    sandboxId,
    place: opened === null || 'refused' in opened ? null : opened,
  });
}
