import { badField } from '../errors.ts';
import type { SecretCursor, SecretPage } from '../store/store.ts';
import type { SecretUses } from '../store/trail.ts';
import type { SecretListQuery, SecretListService } from './console-types.ts';
import type { VaultDeps } from './deps.ts';
import type { RollUp } from './roll-up.ts';
import { secretView } from './secrets.ts';
import { notFound } from './text.ts';
import type { Caller } from './types.ts';

const hourMs = 3_600_000;
/** Buckets of a window, and the hours of each. */
const windows = { '24h': { count: 24, hours: 1 }, '7d': { count: 28, hours: 6 } } as const;

/** Lists of secrets that may be long, in pages, and what they were used for. */
export function createSecretList({ store, now }: Pick<VaultDeps, 'store' | 'now'>, rollUp: RollUp): SecretListService {
  function read({ teamId }: Caller, query: SecretListQuery): Promise<SecretPage> {
    const { limit, order, descending, cursor, search } = query;
    return store.secrets.page(teamId, {
      limit,
      order,
      descending,
      ...(search === undefined ? {} : { search: search.toLowerCase() }),
      ...(cursor === undefined ? {} : { after: cursorOf(cursor, query) }),
    });
  }

  return {
    async page(caller, query) {
      const { secrets, next } = await read(caller, query);
      return { secrets: secrets.map(secretView), nextCursor: cursorText(next, query) };
    },

    async usage(caller, query) {
      await rollUp.catchUp();
      const { secrets, next } = await read(caller, query);
      const ids = secrets.map(({ id }) => id);
      const { count, hours } = windows[query.window];
      const width = hours * hourMs;
      const from = Math.floor(now().getTime() / width) * width - (count - 1) * width;
      const [bound, used] = await Promise.all([
        store.bindings.countBySecrets(ids),
        store.activity.secretUses(ids, { width: width / 1000, from: new Date(from) }),
      ]);
      const bySecret = Map.groupBy(used, ({ secretId }) => secretId);
      return {
        secrets: secrets.map(({ id, name, providerShortcut, lastUsedAt }) => {
          const { uses, refusals, buckets } = sums(bySecret.get(id) ?? [], { from, width, count });
          return { name, providerShortcut, boundSandboxes: bound.get(id) ?? 0, uses, refusals, lastUsedAt, buckets };
        }),
        nextCursor: cursorText(next, query),
      };
    },

    async versions({ teamId }, name) {
      const secret = await store.secrets.byName(teamId, name);
      if (secret === null) throw notFound('secret');
      return await store.secrets.versions(secret.id);
    },
  };
}

function sums(used: readonly SecretUses[], { from, width, count }: { from: number; width: number; count: number }) {
  const buckets = Array.from({ length: count }, () => 0);
  let [uses, refusals] = [0, 0];
  for (const each of used) {
    const bucket = Math.min(count - 1, Math.floor((each.at.getTime() - from) / width));
    buckets[bucket] = (buckets[bucket] ?? 0) + each.uses;
    uses += each.uses;
    refusals += each.refusals;
  }
  return { uses, refusals, buckets };
}

/** A cursor says what it belongs to, so that one of another order is not taken for it. */
function cursorText(cursor: SecretCursor | null, { order, descending }: SecretListQuery): string | null {
  if (cursor === null) return null;
  return Buffer.from(JSON.stringify([order, descending, cursor.value, cursor.id])).toString('base64url');
}

function cursorOf(text: string, { order, descending }: SecretListQuery): SecretCursor {
  const [ofOrder, ofWay, value, id]: unknown[] = parsed(text);
  const kind = order === 'name' ? 'string' : 'number';
  const fits = (each: unknown): each is string | number => typeof each === kind;
  if (ofOrder !== order || ofWay !== descending || !fits(value) || typeof id !== 'string') {
    throw badField('before', 'must be the X-Next-Cursor of a page with the same `sort`');
  }
  return { value, id };
}

function parsed(text: string): unknown[] {
  try {
    const found: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
