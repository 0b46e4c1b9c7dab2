import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditSegment } from '../../audit-rows.ts';
import { linkSegments } from '../chain.ts';
import type { ChainHead } from '../chain.ts';
import { indexSegments, waitingAtMost } from '../segment-index.ts';

const readHead = 'select last_id, hash, indexed_to, waiting from audit_head';
const insertSegment = `
  insert into audit_segments (last_id, first_id, team_id, sandbox_id, traits, secret_ids, hash, rows)
  values (?, ?, ?, ?, ?, ?, ?, ?)
`;
const moveHead = 'update audit_head set last_id = ?, hash = ?, indexed_to = ?, waiting = ?';
const indexWaiting = indexSegments('sqlite');

/** Numbers, chains and inserts segments, all or nothing. Runs in the thread of the connection that writes. */
export function writeSegments(
  database: DatabaseSync,
  prepare: (sql: string) => StatementSync,
  segments: readonly AuditSegment[],
): void {
  database.exec('begin immediate');
  try {
    const { head, indexedTo, waiting } = headOf(prepare(readHead).get());
    const linked = linkSegments(head, segments);
    const insert = prepare(insertSegment);
    for (const { lastId, firstId, teamId, sandboxId, traits, secretIds, hash, rows } of linked) {
      insert.run(lastId, firstId, teamId, sandboxId, traits, secretIds, hash, rows);
    }
    const { lastId, hash } = linked.at(-1) ?? head;
    const left = waiting + linked.length;
    if (left > waitingAtMost) {
      prepare(indexWaiting).run(indexedTo);
      prepare(moveHead).run(lastId, hash, lastId, 0);
    } else {
      prepare(moveHead).run(lastId, hash, indexedTo, left);
    }
    database.exec('commit');
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** SQLite has rolled back by itself where the disk is full or failing; another rollback would hide why. */
export function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('rollback');
}

function headOf(row: Record<string, unknown> | undefined): { head: ChainHead; indexedTo: number; waiting: number } {
  const { last_id: lastId, hash, indexed_to: indexedTo, waiting } = row ?? {};
  if (
    typeof lastId !== 'number' ||
    !(hash instanceof Uint8Array) ||
    typeof indexedTo !== 'number' ||
    typeof waiting !== 'number'
  ) {
    throw new TypeError('audit_head has no row: the end of the audit trail is not known, and nothing is added to it');
  }
  return { head: { lastId, hash }, indexedTo, waiting };
}
