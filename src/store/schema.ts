import type { Tripwire } from '../audit-rows.ts';
import type { PreviewAccess, SandboxStatus } from './store.ts';

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
  audit_segments: SegmentRow;
  audit_owners: OwnerRow;
  audit_head: HeadRow;
  sessions: SessionRow;
  secret_versions: SecretVersionRow;
  activity_totals: ActivityTotalRow;
  activity_secrets: ActivitySecretRow;
  activity_edges: ActivityEdgeRow;
  activity_head: ActivityHeadRow;
  activity_marks: ActivityMarkRow;
  preview_ports: PreviewPortRow;
  webhooks: WebhookRow;
  webhook_deliveries: DeliveryRow;
  settings: SettingRow;
  server_runs: RunRow;
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
  on_tripwire: Tripwire['action'];
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
  template: string;
  server: string | null;
  preview_access: PreviewAccess;
  active_since: number | null;
  paused_at: number | null;
}

/** A row stays when its port is unpublished, so that its version never comes again. */
export interface PreviewPortRow {
  sandbox_id: string;
  port: number;
  access: PreviewAccess;
  token_version: number;
  published: number;
  created_at: number;
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

/** Consecutive events, as `AuditSegment` has them: see docs/adr/0029. */
export interface SegmentRow {
  last_id: number;
  first_id: number;
  /** Null, as `sandbox_id`: a gap. */
  team_id: string | null;
  sandbox_id: string | null;
  traits: number;
  /** JSON: an array of ids. */
  secret_ids: string;
  /** 32 bytes: see chain.ts. */
  hash: Uint8Array;
  /** JSON: an array of `AuditRow`. */
  rows: string;
}

/** A segment up to `audit_head.indexed_to` is a team's, a sandbox's, or has events of a secret. */
export interface OwnerRow {
  /** The id of a team, a sandbox or a secret. */
  owner: string;
  last_id: number;
}

/** The end of the chain. There is one row. */
export interface HeadRow {
  one: number;
  last_id: number;
  hash: Uint8Array;
  /** Segments up to this id are in `audit_owners`. */
  indexed_to: number;
  /** How many segments are not. */
  waiting: number;
}

export interface WebhookRow {
  id: string;
  team_id: string;
  url: string;
  /** JSON: an array of names. */
  events: string;
  /** Its URL names the server's own loopback address. */
  loopback: number;
  /** Its signing key, sealed. */
  ciphertext: Uint8Array;
  wrapped_key: Uint8Array;
  key_id: string;
  created_at: number;
}

export interface DeliveryRow {
  id: string;
  webhook_id: string;
  team_id: string;
  /** Empty once it has ended. */
  body: string;
  created_at: number;
  attempts: number;
  due_at: number;
  /** Null while it waits. */
  ended_at: number | null;
  outcome: 'delivered' | 'given_up' | null;
}

/** A server that runs, or that ended without a word. */
export interface RunRow {
  /** Another with each start. */
  id: string;
  /** Who it is: see vault/runs.ts. */
  server: string;
  /** What ended before this time is kept. */
  settled_at: number;
  /** Rises as long as it runs. */
  beats: number;
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

/** A browser that is signed in. */
export interface SessionRow {
  /** SHA-256 of the cookie, hex. */
  hash: string;
  key_id: string;
  created_at: number;
  expires_at: number;
}

export interface SecretVersionRow {
  secret_id: string;
  version: number;
  created_at: number;
  /** Null: the current one. */
  retired_at: number | null;
}

/** What a team's requests came to in one stretch of time: `width` seconds from `at` on. */
export interface ActivityTotalRow {
  team_id: string;
  width: number;
  at: number;
  requests: number;
  refusals: number;
  failures: number;
  tripwires: number;
  /** JSON: how many by latency, as store/latencies.ts has them. */
  latencies: string;
}

/** What a secret was used for in the hour from `at` on. */
export interface ActivitySecretRow {
  secret_id: string;
  at: number;
  uses: number;
  refusals: number;
}

/** Of one sandbox, secret (empty: none) and host, in one stretch of time. */
export interface ActivityEdgeRow {
  team_id: string;
  width: number;
  at: number;
  sandbox_id: string;
  secret_id: string;
  host: string;
  requests: number;
  refusals: number;
}

/** There is one row. */
export interface ActivityHeadRow {
  one: number;
  rolled_to: number;
}

export interface ActivityMarkRow {
  at: number;
  last_id: number;
}
