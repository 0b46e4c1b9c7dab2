import { badField } from '../../errors.ts';
import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { verdictAnswer } from '../views.ts';

export function auditHandlers({ audit }: Vault): HandlersOf<'verifyAudit'> {
  return {
    async verifyAudit({ caller, query: { since_id: lastId, since_hash: hash }, signal }) {
      if (lastId === undefined && hash === undefined) return verdictAnswer(await audit.verify(caller, { signal }));
      if (lastId === undefined) throw badField('since_id', 'required with since_hash: both are of one earlier answer');
      if (hash === undefined) throw badField('since_hash', 'required with since_id: both are of one earlier answer');
      const since = { lastId, hash: Buffer.from(hash, 'hex') };
      return verdictAnswer(await audit.verify(caller, { since, signal }));
    },
  };
}
