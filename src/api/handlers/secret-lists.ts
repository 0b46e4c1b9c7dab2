import type { SecretListQuery } from '../../vault/console-types.ts';
import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { secretAnswer } from '../views.ts';

type Ids = 'listSecrets' | 'listSecretUsage' | 'listSecretVersions' | 'testSecret' | 'explainSecret';

const usualLimit = 50;
const cursorHeader = 'x-next-cursor';

export function secretListHandlers({ secrets, secretList, checks }: Vault): HandlersOf<Ids> {
  return {
    async listSecrets({ caller, query, setHeader }) {
      // Without any parameter: all of them, as clients of the wire's first version expect.
      if (Object.values(query).every((each) => each === undefined)) {
        return (await secrets.list(caller)).map(secretAnswer);
      }
      const page = await secretList.page(caller, listQuery(query));
      if (page.nextCursor !== null) setHeader(cursorHeader, page.nextCursor);
      return page.secrets.map(secretAnswer);
    },
    async listSecretUsage({ caller, query, setHeader }) {
      const page = await secretList.usage(caller, { ...listQuery(query), window: query.window });
      if (page.nextCursor !== null) setHeader(cursorHeader, page.nextCursor);
      return page.secrets.map((each) => ({
        name: each.name,
        provider_shortcut: each.providerShortcut,
        bound_sandboxes: each.boundSandboxes,
        uses: each.uses,
        refusals: each.refusals,
        last_used_at: each.lastUsedAt?.toISOString() ?? null,
        buckets: each.buckets,
      }));
    },
    async listSecretVersions({ caller, params }) {
      const versions = await secretList.versions(caller, params.name);
      return versions.map(({ version, createdAt, retiredAt }) => ({
        version,
        created_at: createdAt.toISOString(),
        retired_at: retiredAt?.toISOString() ?? null,
      }));
    },
    async testSecret({ caller, params, body }) {
      const { latencyMs, ...test } = await checks.test(caller, params.name, body ?? {});
      return { ...test, latency_ms: latencyMs };
    },
    async explainSecret({ caller, params, body }) {
      const { standIns, wouldSend, ...explanation } = await checks.explain(caller, params.name, body);
      return { ...explanation, stand_ins: standIns, would_send: wouldSend };
    },
  };
}

type Sort = SecretListQuery['order'] | `-${SecretListQuery['order']}`;

const orders = {
  name: ['name', false],
  '-name': ['name', true],
  created_at: ['created_at', false],
  '-created_at': ['created_at', true],
  last_used_at: ['last_used_at', false],
  '-last_used_at': ['last_used_at', true],
} as const satisfies Record<Sort, readonly [SecretListQuery['order'], boolean]>;

function listQuery(query: {
  limit?: number | undefined;
  before?: string | undefined;
  search?: string | undefined;
  sort?: Sort | undefined;
}): SecretListQuery {
  const [order, descending] = orders[query.sort ?? '-created_at'];
  return { limit: query.limit ?? usualLimit, cursor: query.before, search: query.search, order, descending };
}
