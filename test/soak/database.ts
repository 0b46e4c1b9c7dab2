import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { startPostgres } from '../support/postgres.ts';
import type { Shutdown } from '../support/postgres.ts';

/** A row of `audit_segments`: its events have the ids from `firstId` on. */
export interface SegmentText {
  firstId: number;
  lastId: number;
  rows: string;
}

/** The database of a run, and what can be done to it from outside. */
export interface SoakDatabase {
  kind: 'postgres' | 'sqlite';
  /** Settings of the server. */
  env: Record<string, string>;
  /** Makes it unusable until `meanwhile` is done. Answers what was done to it. */
  disturb(meanwhile: () => Promise<void>): Promise<string>;
  /** Every segment, in the order of ids. */
  segments(): AsyncGenerator<SegmentText>;
  /** Writes all of it as text, and its log, into a directory; nothing where it has no such thing. */
  dump(directory: string): Promise<void>;
  /** Where its files are, beside the data directory. */
  directories: string[];
  close(): Promise<void>;
}

const segmentsAtOnce = 500;

export function openDatabase(kind: SoakDatabase['kind'], dataDir: string): Promise<SoakDatabase> {
  return kind === 'postgres' ? openPostgres() : Promise.resolve(openSqlite(dataDir));
}

/** A server of its own that is stopped fast and at once in turn, and started again. */
async function openPostgres(): Promise<SoakDatabase> {
  const postgres = await startPostgres();
  const url = await postgres.freshUrl();
  let stops = 0;
  return {
    kind: 'postgres',
    env: { STANDIN_DATABASE_URL: url },
    disturb: async (meanwhile) => {
      const shutdown: Shutdown = (stops += 1) % 2 === 1 ? 'fast' : 'immediate';
      await postgres.restart(meanwhile, shutdown);
      return `PostgreSQL stopped (${shutdown} shutdown)`;
    },
    segments: async function* segments() {
      const client = new Client({ connectionString: url });
      await client.connect();
      try {
        const page = 'select first_id, last_id, rows from audit_segments where last_id > $1 order by last_id limit $2';
        for (let after = 0; ;) {
          const { rows } = await client.query<{ first_id: string; last_id: string; rows: string }>(page, [
            after,
            segmentsAtOnce,
          ]);
          for (const row of rows) yield segmentText(row);
          const last = rows.at(-1);
          if (last === undefined) return;
          after = Number(last.last_id);
        }
      } finally {
        await client.end();
      }
    },
    dump: async (directory) => {
      await postgres.dump(url, join(directory, 'postgres.sql'));
      writeFileSync(join(directory, 'postgres.log'), postgres.log());
    },
    directories: [postgres.directory],
    close: () => postgres.stop(),
  };
}

/** Locked by another program, as a back-up or a person at a prompt does. */
function openSqlite(dataDir: string): SoakDatabase {
  const path = join(dataDir, 'standin.db');
  return {
    kind: 'sqlite',
    env: {},
    disturb: async (meanwhile) => {
      const database = new DatabaseSync(path, { timeout: 10_000 });
      try {
        database.exec('begin immediate');
        await meanwhile();
        database.exec('rollback');
      } finally {
        database.close();
      }
      return 'SQLite locked by another program';
    },
    segments: async function* segments() {
      const database = new DatabaseSync(path, { readOnly: true });
      try {
        const all = database.prepare('select first_id, last_id, rows from audit_segments order by last_id');
        for (const row of all.iterate()) yield segmentText(row);
      } finally {
        database.close();
      }
    },
    dump: () => Promise.resolve(),
    directories: [],
    close: () => Promise.resolve(),
  };
}

function segmentText(row: Record<string, unknown>): SegmentText {
  return { firstId: Number(row['first_id']), lastId: Number(row['last_id']), rows: String(row['rows']) };
}
