import type { AuditRow } from '../audit-rows.ts';
import type { EventRow } from './schema.ts';

type Column = readonly [name: Exclude<keyof EventRow, 'id'>, type: 'text' | 'bigint'];

type ColumnsOf<Row extends readonly unknown[]> = { [Index in keyof Row]: Column };

/** Each column of an event with its type, in the order of `AuditRow`. */
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
] as const satisfies ColumnsOf<AuditRow>;
