import type { Envelope, SealContext } from '../crypto/envelope.ts';
import type { Secret } from '../crypto/secret.ts';
import type { SealedValue, SecretRecord, Store } from '../store/store.ts';

/** Whose value, and which one of it. */
export type ValueId = Pick<SecretRecord, 'id' | 'teamId' | 'version'>;

export function sealValue(envelope: Envelope, value: Secret, id: ValueId): Promise<SealedValue> {
  return envelope.seal(value, contextOf(id));
}

/** Null where that version is gone: rotated away or deleted since. Rejects where it does not open. */
export async function openValue(
  { store, envelope }: { store: Store; envelope: Envelope },
  id: ValueId,
): Promise<Secret | null> {
  const sealed = await store.secrets.sealed(id.id, id.version);
  return sealed === null ? null : await envelope.open(sealed, contextOf(id));
}

function contextOf({ id, teamId, version }: ValueId): SealContext {
  return { purpose: 'secret-value', teamId, secretId: id, version };
}
