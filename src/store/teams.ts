import { StandinError } from '../errors.ts';
import type { Database } from './database.ts';
import { teamRecord, teamRow } from './rows.ts';
import type { TeamStore } from './store.ts';

export function teamStore({ read, write }: Database): TeamStore {
  return {
    async insert(team) {
      const inserted = await write
        .insertInto('teams')
        .values(teamRow(team))
        .onConflict((conflict) => conflict.column('name').doNothing())
        .returning('id')
        .executeTakeFirst();
      if (inserted === undefined) throw new StandinError('conflict', `a team named ${team.name} exists already`);
    },

    async byName(name) {
      const row = await read.selectFrom('teams').selectAll().where('name', '=', name).executeTakeFirst();
      return row === undefined ? null : teamRecord(row);
    },

    async count() {
      const { count } = await read
        .selectFrom('teams')
        .select((each) => each.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}
