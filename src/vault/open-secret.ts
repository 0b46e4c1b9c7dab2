import type { Secret } from '../crypto/secret.ts';
import type { Passing } from './checks.ts';
import type { VaultDeps } from './deps.ts';
import { isUuid } from './text.ts';
import { openValue } from './values.ts';

export interface ValueAsk {
  sandboxId: string;
  secretId: string;
  version: number;
}

/**
 * A value for the egress proxy, only where a live sandbox, or a test that is under way, is bound to that live secret now and the version is the
 * current one. Null: revoked or rotated since. Rejects where the store or the key service cannot say.
 */
export async function openSecret(
  { store, envelope }: Pick<VaultDeps, 'store' | 'envelope'>,
  ask: ValueAsk,
  passing: Passing,
): Promise<Secret | null> {
  if (!isUuid(ask.sandboxId)) return null;
  const test = passing.get(ask.sandboxId);
  if (test !== null) {
    const known = test.bindings.some(({ secretId }) => secretId === ask.secretId);
    const live = known ? await store.secrets.byId(ask.secretId) : null;
    if (live === null || live.deletedAt !== null || live.version !== ask.version) return null;
    return await openValue({ store, envelope }, live);
  }
  const bindings = await store.bindings.bySandbox(ask.sandboxId);
  const secret = bindings.find((each) => each.secret.id === ask.secretId)?.secret;
  if (secret === undefined || secret.deletedAt !== null || secret.version !== ask.version) return null;
  return await openValue({ store, envelope }, secret);
}
