import type { Transaction } from 'kysely';
import type { Schema } from '../schema.ts';

/** One step of the schema. Once released it is never edited: databases remember its checksum. */
export interface Migration {
  /** From 1, without gaps. */
  number: number;
  name: string;
  statements(dialect: SqlDialect): string[];
  /** What SQL alone cannot do: after the statements, in their transaction. As little edited as they are. */
  convert?(transaction: Transaction<Schema>): Promise<void>;
}

/** The few words that the two databases spell differently. */
export interface SqlDialect {
  bytes: string;
  integer: string;
  /** A key that the database counts up and never gives twice. */
  risingKey: string;
  /** Makes SQLite hold columns to their types, as PostgreSQL does by itself. */
  strict: string;
  /** The same for a table that is nothing but its key, kept in the key's order. */
  clustered: string;
}

export const sqlDialects: Record<'sqlite' | 'postgres', SqlDialect> = {
  sqlite: {
    bytes: 'blob',
    integer: 'integer',
    risingKey: 'integer primary key autoincrement',
    strict: 'strict',
    clustered: 'strict, without rowid',
  },
  postgres: {
    bytes: 'bytea',
    integer: 'bigint',
    risingKey: 'bigint generated always as identity primary key',
    strict: '',
    clustered: '',
  },
};
