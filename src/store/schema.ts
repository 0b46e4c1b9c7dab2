import type { Generated } from 'kysely';
import type { EventRecord, SandboxStatus } from './store.ts';

/**
 * The tables as both databases have them. Times are milliseconds since the epoch, JSON is text, booleans are 0 and 1, so
 * that one mapping serves both.
 */
export interface Schema {
  teams: TeamRow;
  api_keys: ApiKeyRow;
  secrets: SecretRow;
  secret_values: SecretValueRow;
  sandboxes: SandboxRow;
  bindings: BindingRow;
  events: EventRow;
  settings: SettingRow;
  schema_migrations: MigrationRow;
}

export interface TeamRow {
  id: string;
  name: string;
  created_at: number;
}

export interface ApiKeyRow {
  id: string;
  team_id: string;
  name: string;
  hash: string;
  hint: string;
  operator: number;
  created_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}

export interface SecretRow {
  id: string;
  team_id: string;
  name: string;
  auth_type: string;
  auth_config: string;
  hosts: string;
  provider_shortcut: string | null;
  version: number;
  created_at: number;
  updated_at: number;
  last_used_at: number | null;
  deleted_at: number | null;
}

export interface SecretValueRow {
  secret_id: string;
  version: number;
  ciphertext: Uint8Array;
  wrapped_key: Uint8Array;
  key_id: string;
}

export interface SandboxRow {
  id: string;
  team_id: string;
  name: string;
  status: SandboxStatus;
  driver: string;
  env_vars: string;
  metadata: string;
  network: string;
  timeout_seconds: number | null;
  auto_delete_seconds: number | null;
  vcpu_count: number;
  memory_mib: number;
  proxy_token_hash: string;
  access_generation: number;
  created_at: number;
  deleted_at: number | null;
}

export interface BindingRow {
  id: string;
  team_id: string;
  sandbox_id: string;
  env_key: string;
  secret_id: string;
  stand_in: string;
  fingerprint: string;
  created_at: number;
  detached_at: number | null;
}

export interface EventRow {
  id: Generated<number>;
  kind: EventRecord['kind'];
  ts: number;
  team_id: string;
  sandbox_id: string;
  secret_id: string | null;
  host: string;
  method: string | null;
  path: string | null;
  status: number | null;
  upstream_status: number | null;
  latency_ms: number | null;
  error_code: string | null;
  dst_ip: string | null;
  dst_port: number | null;
  verdict: EventRecord['verdict'];
  match_rule: string | null;
  bytes_sent: number | null;
  bytes_recv: number | null;
}

export interface SettingRow {
  name: string;
  value: Uint8Array;
}

export interface MigrationRow {
  number: number;
  name: string;
  checksum: string;
  applied_at: number;
}
