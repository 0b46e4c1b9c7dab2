import { CompiledQuery } from 'kysely';
import type { Kysely } from 'kysely';
import type { AuditSegment } from '../../audit-rows.ts';
import { linkSegments } from '../chain.ts';
import type { LinkedSegment } from '../chain.ts';
import type { Schema, SegmentRow } from '../schema.ts';
import { indexSegments, waitingAtMost } from '../segment-index.ts';

/** Segments in one statement: a statement takes 65,535 parameters at most. */
const segmentsAtOnce = 1000;
const indexWaiting = indexSegments('postgres');

/** Numbers, chains and inserts segments in a transaction of their own. */
export function postgresAppendSegments(db: Kysely<Schema>): (segments: readonly AuditSegment[]) => Promise<void> {
  return (segments) =>
    db.transaction().execute(async (transaction) => {
      // The head stays locked until the commit, so ids become visible in their order, whichever process draws them: who
      // has seen an id will never see a lower one appear, a cursor skips nothing, and the chain has one end.
      const head = await transaction
        .selectFrom('audit_head')
        .select(['last_id as lastId', 'hash', 'indexed_to as indexedTo', 'waiting'])
        .forUpdate()
        .executeTakeFirst();
      if (head === undefined) {
        throw new TypeError(
          'audit_head has no row: the end of the audit trail is not known, and nothing is added to it',
        );
      }
      const linked = linkSegments(head, segments);
      for (let start = 0; start < linked.length; start += segmentsAtOnce) {
        const some = linked.slice(start, start + segmentsAtOnce).map(rowOf);
        await transaction.insertInto('audit_segments').values(some).execute();
      }
      const { lastId, hash } = linked.at(-1) ?? head;
      const waiting = head.waiting + linked.length;
      const full = waiting > waitingAtMost;
      if (full) await transaction.executeQuery(CompiledQuery.raw(indexWaiting, [head.indexedTo]));
      await transaction
        .updateTable('audit_head')
        .set({ last_id: lastId, hash, indexed_to: full ? lastId : head.indexedTo, waiting: full ? 0 : waiting })
        .execute();
    });
}

function rowOf({ lastId, firstId, teamId, sandboxId, traits, secretIds, hash, rows }: LinkedSegment): SegmentRow {
  return {
    last_id: lastId,
    first_id: firstId,
    team_id: teamId,
    sandbox_id: sandboxId,
    traits,
    secret_ids: secretIds,
    hash,
    rows,
  };
}
