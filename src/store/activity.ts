import { sql } from 'kysely';
import { busiestEdges } from './activity-busiest.ts';
import { rollUp } from './activity-roll-up.ts';
import { hourMs } from './activity-sums.ts';
import type { Database } from './database.ts';
import { latenciesOf, percentilesOf } from './latencies.ts';
import type { ActivityStore } from './trail.ts';

/** Figures of the audit trail: docs/adr/0038. */
export function activityStore({ read, write }: Pick<Database, 'read' | 'write'>): ActivityStore {
  return {
    rollUp: () => rollUp({ read, write }),

    async totals(teamId, { width, from, to }) {
      const rows = await read
        .selectFrom('activity_totals')
        .selectAll()
        .where('team_id', '=', teamId)
        .where('width', '=', sql.lit(width))
        .where('at', '>=', from.getTime())
        .where('at', '<', to.getTime())
        .orderBy('at')
        .execute();
      return rows.map((row) => ({
        at: new Date(row.at),
        requests: row.requests,
        refusals: row.refusals,
        failures: row.failures,
        tripwires: row.tripwires,
        percentiles: percentilesOf(latenciesOf(row.latencies)),
      }));
    },

    async secretUses(secretIds, { from, hours }) {
      if (secretIds.length === 0) return [];
      const stretch = sql<number>`(at - ${sql.lit(from.getTime())}) / ${sql.lit(hours * hourMs)}`;
      const rows = await read
        .selectFrom('activity_secrets')
        .select(['secret_id', stretch.as('stretch')])
        // A sum is of a wider type in PostgreSQL, which comes as text.
        .select([
          sql<number>`cast(sum(uses) as bigint)`.as('uses'),
          sql<number>`cast(sum(refusals) as bigint)`.as('refusals'),
        ])
        .where('secret_id', 'in', secretIds)
        .where('at', '>=', from.getTime())
        .groupBy(['secret_id', stretch])
        .execute();
      return rows.map(({ secret_id: secretId, stretch: at, uses, refusals }) => ({
        secretId,
        stretch: at,
        uses,
        refusals,
      }));
    },

    busiest: (teamId, query) => busiestEdges(read, teamId, query),
  };
}
