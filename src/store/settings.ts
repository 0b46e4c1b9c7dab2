import type { Database } from './database.ts';
import type { SettingStore } from './store.ts';

export function settingStore({ read, write }: Database): SettingStore {
  return {
    async get(name) {
      const row = await read.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
      return row?.value ?? null;
    },

    async putIfAbsent(name, value) {
      await write
        .insertInto('settings')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute();
      const { value: found } = await write
        .selectFrom('settings')
        .select('value')
        .where('name', '=', name)
        .executeTakeFirstOrThrow();
      return found;
    },
  };
}
