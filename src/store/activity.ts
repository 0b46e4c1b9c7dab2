import { sql } from 'kysely';
import { busiestEdges } from './activity-busiest.ts';
import { rollUp } from './activity-roll-up.ts';
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

    async secretUses(secretIds, { width, from }) {
      if (secretIds.length === 0) return [];
      // Added up here: a page of secrets has tens of thousands of hours in a week.
      const rows = await read
        .selectFrom('activity_secrets')
        .select([
          'secret_id',
          sql<number>`at / ${sql.lit(width * 1000)}`.as('stretch'),
          sql<number>`cast(sum(uses) as bigint)`.as('uses'),
          sql<number>`cast(sum(refusals) as bigint)`.as('refusals'),
        ])
        .where('secret_id', 'in', secretIds)
        .where('at', '>=', from.getTime())
        .groupBy(['secret_id', 'stretch'])
        .execute();
      return rows.map((row) => ({
        secretId: row.secret_id,
        at: new Date(row.stretch * width * 1000),
        uses: row.uses,
        refusals: row.refusals,
      }));
    },

    busiest: (teamId, query) => busiestEdges(read, teamId, query),
  };
}
