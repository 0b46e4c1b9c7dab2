import { requestVerdict } from '../audit-rows.ts';
import type { Store } from '../store/store.ts';
import type { EventFilter, StoredEvent } from '../store/trail.ts';
import type { RequestFilter, RequestService, RequestView } from './console-types.ts';
import type { VaultDeps } from './deps.ts';
import { explainEvents } from './explain.ts';
import { isUuid, notFound } from './text.ts';
import type { Caller } from './types.ts';

/** Requests and tripwires of a team. */
export function createRequests({ store }: Pick<VaultDeps, 'store'>): RequestService {
  return {
    async list(caller, { limit, before, since, until, ...filter }) {
      const found = await store.events.search(caller.teamId, {
        ...(await storeFilter(store, caller, filter)),
        limit,
        ...(before === undefined ? {} : { before }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      });
      return { rows: await views(store, caller, found.events), next: found.next };
    },

    async after(caller, lastId, filter) {
      const found = await store.events.after(caller.teamId, lastId, await storeFilter(store, caller, filter));
      return { rows: await views(store, caller, found.events), lastId: found.lastId };
    },

    lastId: () => store.events.lastId(),

    async explain(caller, id) {
      const rows = await store.events.explained(caller.teamId, id);
      const at = rows.findIndex((row) => row.id === id);
      const shown = await views(store, caller, rows);
      const request = shown[at];
      if (request === undefined) throw notFound('request');
      return await explainEvents(store, { request, rows, shown });
    },
  };
}

async function storeFilter(store: Store, caller: Caller, filter: RequestFilter): Promise<EventFilter> {
  const { sandboxId, secret, host, verdict, status, kind } = filter;
  const secretId = secret === undefined ? undefined : await secretIdOf(store, caller, secret);
  return {
    kinds: kind === 'all' ? ['request', 'tripwire'] : [kind],
    ...(sandboxId === undefined ? {} : { sandboxId }),
    ...(secretId === undefined ? {} : { secretId }),
    ...(host === undefined ? {} : { host }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(status === undefined ? {} : { status }),
  };
}

/** The id of a secret that was deleted finds its history, which its name does not: that may be another's by now. */
async function secretIdOf(store: Store, { teamId }: Caller, secret: string): Promise<string> {
  const named = await store.secrets.byName(teamId, secret);
  if (named !== null) return named.id;
  if (isUuid(secret)) return secret.toLowerCase();
  throw notFound('secret');
}

async function views(
  store: Store,
  { teamId }: Caller,
  events: readonly (StoredEvent & { details?: unknown })[],
): Promise<RequestView[]> {
  const names = await secretNames(store, teamId, events);
  return events.map(({ details: _details, ...event }) => ({
    ...event,
    secretName: event.secretId === null ? null : (names.get(event.secretId) ?? null),
    outcome: event.kind === 'tripwire' ? 'blocked' : requestVerdict(event.errorCode),
  }));
}

/** The names of this team's secrets, live or deleted. */
export async function secretNames(
  store: Store,
  teamId: string,
  of: readonly { secretId: string | null }[],
): Promise<Map<string, string>> {
  const ids = [...new Set(of.map(({ secretId }) => secretId))].filter((id) => id !== null);
  const found = await store.secrets.names(ids);
  return new Map(
    [...found].flatMap(([id, { teamId: owner, name }]): [string, string][] => (owner === teamId ? [[id, name]] : [])),
  );
}
