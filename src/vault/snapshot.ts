import type { BindingRecord, NetworkRecord, SecretRecord, Store } from '../store/store.ts';
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
  network: SnapshotNetwork;
  bindings: BoundStandIn[];
}

/** The egress's `NetworkRules`, in structure. */
export interface SnapshotNetwork {
  allowOut: string[];
  denyOut: string[];
  intercept?: 'all' | 'bound';
  tunnelOut?: string[];
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
    network: snapshotNetwork(network),
    bindings: bound.map(boundStandIn),
  };
}

function snapshotNetwork(network: NetworkRecord): SnapshotNetwork {
  const { allow_out: allowOut = [], deny_out: denyOut = [], intercept, tunnel_out: tunnelOut } = network;
  return {
    allowOut,
    denyOut,
    ...(intercept === undefined ? {} : { intercept }),
    ...(tunnelOut === undefined ? {} : { tunnelOut }),
  };
}

export function boundStandIn({ binding, secret }: { binding: BindingRecord; secret: SecretRecord }): BoundStandIn {
  const rules = compileRules({ ...secret, authConfig: storedAuth(secret).authConfig });
  // A host without a rule of its own has no slot, and is a host that the secret names all the same: it is opened.
  const rest = secret.hosts.filter((host) => !rules.some(({ hosts }) => hosts.includes(host)));
  return {
    id: binding.id,
    envKey: binding.envKey,
    standIn: binding.standIn,
    secretId: secret.id,
    secretName: secret.name,
    version: secret.version,
    state: secret.deletedAt === null ? 'live' : 'revoked',
    rules: [...rules, ...(rest.length === 0 ? [] : [{ hosts: rest, slots: [] }])],
  };
}
