/** One step of the schema. Once released it is never edited: databases remember its checksum. */
export interface Migration {
  /** From 1, without gaps. */
  number: number;
  name: string;
  statements(dialect: SqlDialect): string[];
}

/** The few words that the two databases spell differently. */
export interface SqlDialect {
  bytes: string;
  integer: string;
  /** A key that the database counts up and never gives twice. */
  risingKey: string;
  /** Makes SQLite hold columns to their types, as PostgreSQL does by itself. */
  strict: string;
}

export const sqlDialects: Record<'sqlite' | 'postgres', SqlDialect> = {
  sqlite: {
    bytes: 'blob',
    integer: 'integer',
    risingKey: 'integer primary key autoincrement',
    strict: 'strict',
  },
  postgres: {
    bytes: 'bytea',
    integer: 'bigint',
    risingKey: 'bigint generated always as identity primary key',
    strict: '',
  },
};
