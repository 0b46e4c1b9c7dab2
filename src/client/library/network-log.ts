import type { CallOptions, Connection } from './connection.ts';
import { fromWire } from './wire.ts';

/** `blocked`: refused by a rule; `failed`: allowed, but nobody answered. */
export type NetworkVerdict = 'allowed' | 'blocked' | 'failed';

/** One row: a connection (address, verdict, bytes) or a request (method, path, status, the secret that was used). */
export interface NetworkEvent {
  kind: 'connection' | 'request';
  id: number;
  ts: Date;
  host: string;
  dstIp?: string;
  dstPort?: number;
  verdict?: NetworkVerdict;
  /** The rule that decided. */
  matchRule?: string;
  bytesSent?: number;
  bytesRecv?: number;
  method?: string;
  /** Without the query. */
  path?: string;
  /** What the sandbox got. */
  status?: number;
  /** Absent where the proxy answered itself. */
  upstreamStatus?: number;
  latencyMs?: number;
  secretId?: string;
  /** The code of the proxy's refusal. */
  errorCode?: string;
}

/** A page of the network log. */
export interface NetworkLogPage {
  events: NetworkEvent[];
  /** The `before` of the next page; absent where there is none. */
  nextCursor?: string;
  hasMore: boolean;
}

/** What `sandbox.getNetworkLog` takes. */
export interface NetworkLogOptions extends CallOptions {
  /** 1 to 200. Default: 50. */
  limit?: number;
  /** Only rows before this: a `nextCursor`, or an RFC 3339 time. */
  before?: string;
  /** Only rows at or after this RFC 3339 time. */
  since?: string;
  /** Only connections with this verdict; no requests then. */
  verdict?: NetworkVerdict;
}

/** One page, newest first. */
export async function networkLogPage(
  connection: Connection,
  id: string,
  options: NetworkLogOptions,
): Promise<NetworkLogPage> {
  const { limit, before, since, verdict } = options;
  const page = await connection.call('getSandboxNetwork', {
    params: { id },
    query: { limit, before, since, verdict },
    ...connection.limits(options),
  });
  const { data, ...rest } = fromWire(page);
  return { events: data, ...rest };
}
