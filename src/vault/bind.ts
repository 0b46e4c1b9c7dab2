import { randomUUID } from 'node:crypto';
import { badField } from '../errors.ts';
import type { BindingRecord, SecretRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import { didYouMean } from './nearest.ts';
import { chooseShape, makeStandIn } from './stand-ins.ts';
import { openValue } from './values.ts';

type BindDeps = Pick<VaultDeps, 'store' | 'envelope' | 'now'>;

/** The team's live secret of that name; 400 that names it, and what is near, where there is none. */
export async function findSecret(
  { store }: Pick<VaultDeps, 'store'>,
  teamId: string,
  { name, field }: { name: string; field: string },
): Promise<SecretRecord> {
  const secret = await store.secrets.byName(teamId, name);
  if (secret !== null && secret.teamId === teamId) return secret;
  const names = (await store.secrets.list(teamId)).map((each) => each.name);
  throw badField(field, `no secret is named ${JSON.stringify(name.slice(0, 128))}.${didYouMean(name, names)}`);
}

/** A new binding with a stand-in of its own; not written yet. */
export async function makeBinding(
  deps: BindDeps,
  secret: SecretRecord,
  { sandboxId, envKey }: { sandboxId: string; envKey: string },
): Promise<BindingRecord> {
  const { text, fingerprint } = makeStandIn(await chooseShape(secret.providerShortcut, () => openValue(deps, secret)));
  return {
    id: randomUUID(),
    teamId: secret.teamId,
    sandboxId,
    envKey,
    secretId: secret.id,
    standIn: text,
    fingerprint,
    createdAt: deps.now(),
  };
}
