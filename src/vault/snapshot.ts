import type { BindingRecord, SecretRecord, Store } from '../store/store.ts';
import { compileRules } from './compile.ts';
import type { CompiledRule } from './compile.ts';
import { storedAuth } from './stored-auth.ts';
import { isUuid } from './text.ts';

/** What the egress proxy knows of a sandbox: its rules and stand-ins, no value. The egress's type, in structure. */
export interface Snapshot {
  id: string;
  teamId: string;
  deleted?: true;
  proxyTokenHash: string;
  network: { allowOut: string[]; denyOut: string[] };
  bindings: BoundStandIn[];
}

export interface BoundStandIn {
  id: string;
  envKey: string;
  standIn: string;
  secretId: string;
  secretName: string;
  version: number;
  state: 'live' | 'revoked';
  rules: CompiledRule[];
}

/** Null: no such sandbox, ever. A deleted one has nothing left but the hash of its token. */
export async function takeSnapshot(store: Store, sandboxId: string): Promise<Snapshot | null> {
  if (!isUuid(sandboxId)) return null;
  const sandbox = await store.sandboxes.byIdEver(sandboxId);
  if (sandbox === null) return null;
  const { id, teamId, proxyTokenHash, network } = sandbox;
  if (sandbox.deletedAt !== null) {
    return { id, teamId, deleted: true, proxyTokenHash, network: { allowOut: [], denyOut: [] }, bindings: [] };
  }
  const bound = await store.bindings.bySandbox(id);
  return {
    id,
    teamId,
    proxyTokenHash,
    network: { allowOut: network.allow_out ?? [], denyOut: network.deny_out ?? [] },
    bindings: bound.map(boundStandIn),
  };
}

function boundStandIn({ binding, secret }: { binding: BindingRecord; secret: SecretRecord }): BoundStandIn {
  return {
    id: binding.id,
    envKey: binding.envKey,
    standIn: binding.standIn,
    secretId: secret.id,
    secretName: secret.name,
    version: secret.version,
    state: secret.deletedAt === null ? 'live' : 'revoked',
    rules: compileRules({ ...secret, authConfig: storedAuth(secret).authConfig }),
  };
}
