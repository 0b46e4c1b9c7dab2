import { sql } from 'kysely';
import type { Database } from './database.ts';
import { secretRecord } from './rows.ts';
import type { SecretRow } from './schema.ts';
import type { SecretCursor, SecretOrder, SecretPage, SecretPageQuery } from './store.ts';

/** What is sorted by; nobody's `last_used_at` is before everybody's. */
const orders = {
  name: sql<string>`name`,
  created_at: sql<number>`created_at`,
  last_used_at: sql<number>`coalesce(last_used_at, 0)`,
} satisfies Record<SecretOrder, unknown>;

/** One page of a team's live secrets. The cursor is what the last one is sorted by, and its id: no two are alike. */
export async function readSecretPage(
  read: Database['read'],
  teamId: string,
  { limit, order, descending, search, after }: SecretPageQuery,
): Promise<SecretPage> {
  const by = orders[order];
  const way = descending ? sql`desc` : sql`asc`;
  const beyond = descending ? sql`<` : sql`>`;
  let query = read
    .selectFrom('secrets')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('deleted_at', 'is', null)
    .orderBy(sql`${by} ${way}`)
    .orderBy(sql`id ${way}`)
    .limit(limit + 1);
  if (after !== undefined) query = query.where(sql<boolean>`(${by}, id) ${beyond} (${after.value}, ${after.id})`);
  if (search !== undefined) {
    const part = `%${search.replaceAll(/[\\%_]/g, '\\$&')}%`;
    query = query.where(
      sql<boolean>`(lower(name) like ${part} escape '\\' or hosts like ${part} escape '\\' or provider_shortcut = ${search})`,
    );
  }
  const rows = await query.execute();
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    secrets: shown.map(secretRecord),
    next: last !== undefined && rows.length > limit ? cursorOf(last, order) : null,
  };
}

function cursorOf(row: SecretRow, order: SecretOrder): SecretCursor {
  const value = order === 'last_used_at' ? (row.last_used_at ?? 0) : row[order];
  return { value, id: row.id };
}
