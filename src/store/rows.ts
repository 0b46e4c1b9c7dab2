import type { ApiKeyRow, BindingRow, SandboxRow, SecretRow, TeamRow } from './schema.ts';
import type { ApiKeyRecord, BindingRecord, SandboxRecord, SecretRecord, TeamRecord } from './store.ts';
import { storableJson } from './text.ts';

/** Records to rows and back: times to milliseconds, JSON to text. */

export function teamRow(team: TeamRecord): TeamRow {
  return { id: team.id, name: team.name, created_at: team.createdAt.getTime() };
}

export function teamRecord(row: TeamRow): TeamRecord {
  return { id: row.id, name: row.name, createdAt: new Date(row.created_at) };
}

export function apiKeyRow(key: ApiKeyRecord): ApiKeyRow {
  return {
    id: key.id,
    team_id: key.teamId,
    name: key.name,
    hash: key.hash,
    hint: key.hint,
    operator: key.operator ? 1 : 0,
    created_at: key.createdAt.getTime(),
    last_used_at: key.lastUsedAt?.getTime() ?? null,
    revoked_at: key.revokedAt?.getTime() ?? null,
  };
}

export function apiKeyRecord(row: ApiKeyRow): ApiKeyRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    name: row.name,
    hash: row.hash,
    hint: row.hint,
    operator: row.operator === 1,
    createdAt: new Date(row.created_at),
    lastUsedAt: date(row.last_used_at),
    revokedAt: date(row.revoked_at),
  };
}

export function secretRow(secret: SecretRecord): SecretRow {
  return {
    id: secret.id,
    team_id: secret.teamId,
    name: secret.name,
    auth_type: secret.authType,
    auth_config: storableJson(secret.authConfig),
    hosts: storableJson(secret.hosts),
    provider_shortcut: secret.providerShortcut,
    on_tripwire: secret.onTripwire,
    version: secret.version,
    created_at: secret.createdAt.getTime(),
    updated_at: secret.updatedAt.getTime(),
    last_used_at: secret.lastUsedAt?.getTime() ?? null,
    deleted_at: secret.deletedAt?.getTime() ?? null,
  };
}

export function secretRecord(row: SecretRow): SecretRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    name: row.name,
    authType: row.auth_type,
    authConfig: JSON.parse(row.auth_config),
    hosts: JSON.parse(row.hosts),
    providerShortcut: row.provider_shortcut,
    onTripwire: row.on_tripwire,
    version: row.version,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    lastUsedAt: date(row.last_used_at),
    deletedAt: date(row.deleted_at),
  };
}

export function sandboxRow(sandbox: SandboxRecord): SandboxRow {
  return {
    id: sandbox.id,
    team_id: sandbox.teamId,
    name: sandbox.name,
    status: sandbox.status,
    driver: sandbox.driver,
    env_vars: storableJson(sandbox.envVars),
    metadata: storableJson(sandbox.metadata),
    network: storableJson(sandbox.network),
    timeout_seconds: sandbox.timeoutSeconds,
    auto_delete_seconds: sandbox.autoDeleteSeconds,
    vcpu_count: sandbox.vcpuCount,
    memory_mib: sandbox.memoryMib,
    proxy_token_hash: sandbox.proxyTokenHash,
    access_generation: sandbox.accessGeneration,
    created_at: sandbox.createdAt.getTime(),
    deleted_at: sandbox.deletedAt?.getTime() ?? null,
    template: sandbox.template,
    server: sandbox.server,
    preview_access: sandbox.previewAccess,
    active_since: sandbox.activeSince?.getTime() ?? null,
    paused_at: sandbox.pausedAt?.getTime() ?? null,
  };
}

export function sandboxRecord(row: SandboxRow): SandboxRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    name: row.name,
    status: row.status,
    driver: row.driver,
    envVars: JSON.parse(row.env_vars),
    metadata: JSON.parse(row.metadata),
    network: JSON.parse(row.network),
    timeoutSeconds: row.timeout_seconds,
    autoDeleteSeconds: row.auto_delete_seconds,
    vcpuCount: row.vcpu_count,
    memoryMib: row.memory_mib,
    proxyTokenHash: row.proxy_token_hash,
    accessGeneration: row.access_generation,
    createdAt: new Date(row.created_at),
    deletedAt: date(row.deleted_at),
    template: row.template,
    server: row.server,
    previewAccess: row.preview_access,
    activeSince: date(row.active_since),
    pausedAt: date(row.paused_at),
  };
}

export function bindingRow(binding: BindingRecord): BindingRow {
  return {
    id: binding.id,
    team_id: binding.teamId,
    sandbox_id: binding.sandboxId,
    env_key: binding.envKey,
    secret_id: binding.secretId,
    stand_in: binding.standIn,
    fingerprint: binding.fingerprint,
    created_at: binding.createdAt.getTime(),
    detached_at: null,
  };
}

export function bindingRecord(row: BindingRow): BindingRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    sandboxId: row.sandbox_id,
    envKey: row.env_key,
    secretId: row.secret_id,
    standIn: row.stand_in,
    fingerprint: row.fingerprint,
    createdAt: new Date(row.created_at),
  };
}

function date(milliseconds: number | null): Date | null {
  return milliseconds === null ? null : new Date(milliseconds);
}
