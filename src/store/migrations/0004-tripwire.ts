import type { Migration } from './migration.ts';

/** What a stand-in out of place does, for each secret (docs/adr/0034). */
export const tripwire: Migration = {
  number: 4,
  name: 'tripwire',
  statements: () => [
    `alter table secrets add column on_tripwire text not null default 'alert' check (on_tripwire in ('alert', 'revoke'))`,
  ],
};
