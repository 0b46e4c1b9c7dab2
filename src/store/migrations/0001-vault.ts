import type { Migration } from './migration.ts';

/** Teams, keys, secrets, sandboxes, bindings, events, settings. */
export const vault: Migration = {
  number: 1,
  name: 'vault',
  statements: ({ bytes, integer, risingKey, strict }) => [
    `create table teams (
      id text primary key not null,
      name text not null unique,
      created_at ${integer} not null
    ) ${strict}`,
    `create table api_keys (
      id text primary key not null,
      team_id text not null references teams (id),
      name text not null,
      hash text not null unique,
      hint text not null,
      operator ${integer} not null check (operator in (0, 1)),
      created_at ${integer} not null,
      last_used_at ${integer},
      revoked_at ${integer}
    ) ${strict}`,
    `create table secrets (
      id text primary key not null,
      team_id text not null references teams (id),
      name text not null,
      auth_type text not null,
      auth_config text not null,
      hosts text not null,
      provider_shortcut text,
      version ${integer} not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      last_used_at ${integer},
      deleted_at ${integer},
      unique (team_id, id)
    ) ${strict}`,
    `create unique index secrets_live_name on secrets (team_id, name) where deleted_at is null`,
    `create table secret_values (
      secret_id text not null references secrets (id),
      version ${integer} not null,
      ciphertext ${bytes} not null,
      wrapped_key ${bytes} not null,
      key_id text not null,
      primary key (secret_id, version)
    ) ${strict}`,
    `create table sandboxes (
      id text primary key not null,
      team_id text not null references teams (id),
      name text not null,
      status text not null,
      driver text not null,
      env_vars text not null,
      metadata text not null,
      network text not null,
      timeout_seconds ${integer},
      auto_delete_seconds ${integer},
      vcpu_count ${integer} not null,
      memory_mib ${integer} not null,
      proxy_token_hash text not null,
      access_generation ${integer} not null,
      created_at ${integer} not null,
      deleted_at ${integer},
      unique (team_id, id)
    ) ${strict}`,
    // The two-column references make a binding across teams impossible, whatever the code above forgets.
    `create table bindings (
      id text primary key not null,
      team_id text not null,
      sandbox_id text not null,
      env_key text not null,
      secret_id text not null,
      stand_in text not null,
      fingerprint text not null,
      created_at ${integer} not null,
      detached_at ${integer},
      foreign key (team_id, sandbox_id) references sandboxes (team_id, id),
      foreign key (team_id, secret_id) references secrets (team_id, id)
    ) ${strict}`,
    `create unique index bindings_live_env_key on bindings (sandbox_id, env_key) where detached_at is null`,
    // No references: history outlives what it tells of, and an event is never lost to a missing parent.
    `create table events (
      id ${risingKey},
      kind text not null,
      ts ${integer} not null,
      team_id text not null,
      sandbox_id text not null,
      secret_id text,
      host text not null,
      method text,
      path text,
      status ${integer},
      upstream_status ${integer},
      latency_ms ${integer},
      error_code text,
      dst_ip text,
      dst_port ${integer},
      verdict text,
      match_rule text,
      bytes_sent ${integer},
      bytes_recv ${integer}
    ) ${strict}`,
    `create table settings (
      name text primary key not null,
      value ${bytes} not null
    ) ${strict}`,
  ],
};
