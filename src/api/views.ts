import type { Answer } from '../contract/operations.ts';
import type {
  ApiKeyView,
  AuditEventView,
  AuditService,
  EgressView,
  NetworkLogPage,
  ProviderView,
  SandboxView,
  SandboxWithAccess,
  SecretBindingView,
  SecretView,
  WebhookView,
} from '../vault/types.ts';

/** The vault's views as the wire has them: snake_case, RFC 3339. */
export function secretAnswer(view: SecretView): Answer<'getSecret'> {
  return {
    id: view.id,
    name: view.name,
    auth_type: view.authType,
    auth_config: view.authConfig,
    hosts: view.hosts,
    created_at: view.createdAt.toISOString(),
    updated_at: view.updatedAt.toISOString(),
    provider_shortcut: view.providerShortcut,
    on_tripwire: view.onTripwire,
    last_used_at: time(view.lastUsedAt),
  };
}

export function auditAnswer(view: AuditEventView): Answer<'getSecretAudit'>[number] {
  const { tripwire } = view;
  return {
    id: view.id,
    ts: view.ts.toISOString(),
    sandbox_id: view.sandboxId,
    sandbox_name: view.sandboxName,
    secret_id: view.secretId,
    method: view.method,
    host: view.host,
    path: view.path,
    status: view.status,
    upstream_status: view.upstreamStatus,
    latency_ms: view.latencyMs,
    error_code: view.errorCode,
    ...(tripwire === null
      ? {}
      : { tripwire: { stand_in: tripwire.standIn, slot: tripwire.slot, action: tripwire.action } }),
  };
}

export function verdictAnswer(verdict: Awaited<ReturnType<AuditService['verify']>>): Answer<'verifyAudit'> {
  const { segments, events, lastId, lastHash, gaps, broken } = verdict;
  const newest = gaps.newest.map(({ id, ts, from, to, lost }) => ({
    id,
    ts: ts.toISOString(),
    from: from.toISOString(),
    to: to.toISOString(),
    lost,
  }));
  return { segments, events, last_id: lastId, last_hash: lastHash, gaps: { count: gaps.count, newest }, broken };
}

export function bindingAnswer(view: SecretBindingView): Answer<'getSecretSandboxes'>[number] {
  return {
    sandbox_id: view.sandboxId,
    sandbox_name: view.sandboxName,
    env_key: view.envKey,
    status: view.status,
  };
}

export function providerAnswer(view: ProviderView): Answer<'listProviders'>[number] {
  return {
    name: view.name,
    display: view.display,
    auth_type: view.authType,
    auth_config: view.authConfig,
    hosts: view.hosts,
    token_shape: view.tokenShape,
  };
}

export function sandboxAnswer(view: SandboxView): Answer<'listSandboxes'>[number] {
  return {
    id: view.id,
    name: view.name,
    status: view.status,
    driver: view.driver,
    vcpu_count: view.vcpuCount,
    memory_mib: view.memoryMib,
    created_at: view.createdAt.toISOString(),
    ...(view.timeoutSeconds === null ? {} : { timeout_seconds: view.timeoutSeconds }),
    ...(view.autoDeleteSeconds === null ? {} : { auto_delete_seconds: view.autoDeleteSeconds }),
    ...(view.network === null ? {} : { network: view.network }),
    metadata: view.metadata,
    ...(view.autoDeleteAt === null ? {} : { auto_delete_at: view.autoDeleteAt.toISOString() }),
    preview_access: view.previewAccess,
    secrets: view.secrets.map(({ envKey, secretName, revoked }) => ({
      env_key: envKey,
      secret_name: secretName,
      revoked,
    })),
  };
}

export function accessAnswer({ sandbox, accessToken, egress }: SandboxWithAccess): Answer<'getSandbox'> {
  return { ...sandboxAnswer(sandbox), access_token: accessToken, egress: egressAnswer(egress) };
}

export function egressAnswer(view: EgressView): Answer<'rotateEgressToken'> {
  return { proxy_url: view.proxyUrl, ca_pem: view.caPem, env: view.env };
}

export function networkLogAnswer({ rows, nextCursor }: NetworkLogPage): Answer<'getSandboxNetwork'> {
  return { data: rows.map(networkRow), next_cursor: nextCursor, has_more: nextCursor !== null };
}

function networkRow(row: NetworkLogPage['rows'][number]): Answer<'getSandboxNetwork'>['data'][number] {
  const common = { id: row.id, ts: row.ts.toISOString(), host: row.host };
  if (row.kind === 'connection') {
    return {
      kind: 'connection',
      ...common,
      dst_ip: row.dstIp,
      dst_port: row.dstPort,
      verdict: row.verdict,
      match_rule: row.matchRule,
      bytes_sent: row.bytesSent,
      bytes_recv: row.bytesRecv,
    };
  }
  return {
    kind: 'request',
    ...common,
    method: row.method,
    path: row.path,
    status: row.status,
    upstream_status: row.upstreamStatus,
    latency_ms: row.latencyMs === null ? null : Math.round(row.latencyMs),
    secret_id: row.secretId,
    error_code: row.errorCode,
  };
}

export function webhookAnswer({ id, url, events, createdAt }: WebhookView): Answer<'listWebhooks'>[number] {
  return { id, url, events: events.filter((each) => each === 'tripwire'), created_at: createdAt.toISOString() };
}

export function apiKeyAnswer(view: ApiKeyView): Answer<'listApiKeys'>[number] {
  return {
    id: view.id,
    name: view.name,
    hint: view.hint,
    operator: view.operator,
    created_at: view.createdAt.toISOString(),
    last_used_at: time(view.lastUsedAt),
  };
}

function time(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}
