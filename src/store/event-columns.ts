import type { Selectable } from 'kysely';
import type { EventRow } from './schema.ts';

/** An event as it is inserted. */
export type NewEvent = Omit<Selectable<EventRow>, 'id'>;

/** Each column with its type, in the order in which it is inserted. */
export const eventColumns = [
  ['kind', 'text'],
  ['ts', 'bigint'],
  ['team_id', 'text'],
  ['sandbox_id', 'text'],
  ['secret_id', 'text'],
  ['host', 'text'],
  ['method', 'text'],
  ['path', 'text'],
  ['status', 'bigint'],
  ['upstream_status', 'bigint'],
  ['latency_ms', 'bigint'],
  ['error_code', 'text'],
  ['dst_ip', 'text'],
  ['dst_port', 'bigint'],
  ['verdict', 'text'],
  ['match_rule', 'text'],
  ['bytes_sent', 'bigint'],
  ['bytes_recv', 'bigint'],
] as const satisfies [keyof NewEvent, 'text' | 'bigint'][];
