import type { Query } from '../../contract/operations.ts';
import { connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import type { NetworkVerdict } from './network-log.ts';
import type { AuditStatusFilter, ProxyAuditEvent } from './secret-info.ts';
import { fromWire } from './wire.ts';

/** A request of any sandbox of the team, or a tripwire. */
export interface RequestEvent extends ProxyAuditEvent {
  kind: 'request' | 'tripwire';
  /** The name of the secret that was used, as it is or was called. */
  secretName?: string;
  /** `blocked` by the proxy; `failed` on the way or at the upstream. */
  verdict: NetworkVerdict;
}

/** Which requests. */
export interface RequestFilter {
  sandboxId?: string;
  /** The name of a live secret, or the id of any. */
  secret?: string;
  /** Exactly this host. */
  host?: string;
  verdict?: NetworkVerdict;
  status?: AuditStatusFilter;
  /** Default: `all`. */
  kind?: 'request' | 'tripwire' | 'all';
}

/** What `Requests.list` takes. */
export interface RequestListOptions extends ConnectionOptions, RequestFilter {
  /** 1 to 200. Default: 50. */
  limit?: number;
  /** The `nextCursor` of a page. */
  before?: string;
  /** Of the time at which it began, inclusive. */
  since?: Date;
  /** Exclusive. */
  until?: Date;
}

/** A page of requests. It may be shorter than asked for, or empty, and yet have more after it. */
export interface RequestPage {
  requests: RequestEvent[];
  /** The `before` of the next page; absent where there is none. */
  nextCursor?: string;
  hasMore: boolean;
}

/** Why a request was swapped, passed on or refused. */
export interface RequestExplanation {
  request: RequestEvent;
  /** `basic`: put down before details were. */
  detail: 'full' | 'basic';
  /** What happened, in sentences. */
  text: string[];
  /** Each stand-in that was found, where, and whether it was swapped there. */
  standIns: { envKey?: string; secretId: string; secretName?: string; slot: string; swapped: boolean }[];
  /** What the network rules said. */
  network?: { verdict: 'allowed' | 'blocked'; rule?: string };
  /** What was dialled. */
  connection?: {
    address: string;
    port: number;
    /** Absent: cleartext. */
    tls?: string;
    alpn?: string;
    certificateName?: string;
    reused: boolean;
  };
  /** In order, each with milliseconds. */
  steps: {
    name: 'judged' | 'value_opened' | 'dialled' | 'tls' | 'connected' | 'first_byte' | 'body';
    ms: number;
  }[];
  /** Where a real value was taken out of the answer. */
  scrubbed: { place: 'head' | 'body'; count: number }[];
  refused?: { code: string; cause: string; cure: string };
}

/** What the proxy did for the team. */
export const Requests = {
  /** One page, newest first. */
  async list(options: RequestListOptions = {}): Promise<RequestPage> {
    const connection = connectionOf(options);
    const { limit, before, since, until } = options;
    const { data, ...rest } = fromWire(
      await connection.call('listRequests', {
        query: {
          ...filterOf(options),
          limit,
          before: before === undefined ? undefined : Number(before),
          since: since?.toISOString(),
          until: until?.toISOString(),
        },
        ...connection.limits(options),
      }),
    );
    return { requests: data, ...rest };
  },

  /** All of them, newest first, page by page as the loop goes on; `limit` is the size of a page. */
  async *all(options: RequestListOptions = {}): AsyncGenerator<RequestEvent, void, undefined> {
    for (let next: RequestListOptions | undefined = { limit: 200, ...options }; next !== undefined;) {
      const { requests, nextCursor, hasMore }: RequestPage = await Requests.list(next);
      yield* requests;
      next = hasMore && nextCursor !== undefined ? { ...next, before: nextCursor } : undefined;
    }
  },

  /**
   * Those that come from now on, as they come. A connection that breaks is made anew from the last one on. It ends when the loop is
   * left; aborting `signal` rejects with its reason.
   *
   * @example
   * for await (const request of Requests.watch({ verdict: 'blocked' })) console.log(request.host, request.errorCode);
   */
  async *watch(options: ConnectionOptions & RequestFilter = {}): AsyncGenerator<RequestEvent, void, undefined> {
    const connection = connectionOf(options);
    for await (const row of connection.watchRequests(filterOf(options), connection.limits(options))) {
      yield fromWire(row);
    }
  },

  /** Why one was swapped, passed on or refused, and how long each step took. */
  async explain(id: number, options: ConnectionOptions = {}): Promise<RequestExplanation> {
    const connection = connectionOf(options);
    return fromWire(await connection.call('explainRequest', { params: { id }, ...connection.limits(options) }));
  },
};

function filterOf({ sandboxId, secret, host, verdict, status, kind }: RequestFilter): {
  [Name in keyof Query<'streamRequests'>]?: Query<'streamRequests'>[Name] | undefined;
} {
  return { sandbox_id: sandboxId, secret, host, verdict, status, kind };
}
