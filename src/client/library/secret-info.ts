import type { RequestBody } from '../../contract/operations.ts';
import type { CallOptions, ConnectionOptions } from './connection.ts';
import type { SandboxStatus } from './sandbox-info.ts';

/** How a secret is written upstream. */
export type SecretAuthType = 'bearer' | 'basic' | 'api-key' | 'custom' | 'per_host';

/** What happens when a stand-in is seen where it must not be: told, or told and the binding detached at once. */
export type OnTripwire = 'alert' | 'revoke';

/** How a secret is written upstream. */
export type SecretAuthRule =
  /** `Authorization: Bearer <value>`. */
  | { type: 'bearer' }
  /** `Authorization: Basic`; without `username` the client's own is kept. */
  | { type: 'basic'; username?: string }
  /** `<header>: <prefix><value>`. */
  | { type: 'api-key'; header: string; prefix?: string }
  /** 1 to 8 headers; each template names `{{ value }}`. */
  | { type: 'custom'; headers: Record<string, string> };

/** A rule for each host; every host stands in the secret's `hosts` too. */
export interface SecretAuthPerHost {
  perHost: (SecretAuthRule & { hosts: string[] })[];
}

/** One rule for all hosts, or one for each. */
export type SecretAuth = SecretAuthRule | SecretAuthPerHost;

/** A secret as the server describes it, which is without its value. */
export interface SecretInfo {
  id: string;
  name: string;
  authType: SecretAuthType;
  /** The resolved rule in the API's own words; `{per_host: [...]}` for several. */
  authConfig: Record<string, unknown>;
  hosts: string[];
  createdAt: Date;
  updatedAt: Date;
  /** The provider that it was made with. */
  providerShortcut?: string;
  onTripwire: OnTripwire;
  /** The latest request that used it. */
  lastUsedAt?: Date;
}

/** What `Secret.create` takes: `provider`, or `auth` with `hosts`. */
export interface SecretCreateOptions extends ConnectionOptions {
  /** Letters, digits, `_`, `-`; the only live one of that name in the team. */
  name: string;
  /** The credential, up to 8192 bytes. No answer of the API ever has it. */
  value: string;
  /** A name of the catalogue: see `Provider.list`. */
  provider?: string;
  auth?: SecretAuth;
  /** Host names and `*.suffixes` that it may go to, 1 to 16. */
  hosts?: string[];
  /** Default: `alert`. */
  onTripwire?: OnTripwire;
}

/** By the status that the sandbox got; `errors`: refused by the proxy. */
export type AuditStatusFilter = '2xx' | '3xx' | '4xx' | '5xx' | 'errors';

/** What `secret.getAudit` takes. */
export interface SecretAuditOptions extends CallOptions {
  /** 1 to 200. Default: 50. */
  limit?: number;
  /** Only events older than the one of this id. */
  before?: number;
  status?: AuditStatusFilter;
  /** Default: `request`. */
  kind?: 'request' | 'tripwire' | 'all';
}

/** One request that a secret's stand-in was in. */
export interface ProxyAuditEvent {
  /** Rises with time; the cursor. */
  id: number;
  ts: Date;
  sandboxId: string;
  /** Absent once the sandbox is deleted. */
  sandboxName?: string;
  secretId?: string;
  method?: string;
  host: string;
  /** Without the query. */
  path?: string;
  /** What the sandbox got. */
  status?: number;
  /** Absent where the proxy answered itself. */
  upstreamStatus?: number;
  latencyMs?: number;
  /** The code of the proxy's refusal. */
  errorCode?: string;
  /** Only of tripwire events: a stand-in of the secret was seen where it must not be. */
  tripwire?: { standIn: 'own' | 'leaked' | 'foreign'; slot: string; action: OnTripwire };
}

/** A sandbox that a secret is bound to. */
export interface SecretSandboxBinding {
  sandboxId: string;
  sandboxName: string;
  envKey: string;
  status: SandboxStatus;
}

/** What `Secret.all` takes. */
export interface SecretSearchOptions extends ConnectionOptions {
  /** A part of a name or of a host, or a provider. */
  search?: string;
  /** Default: `-created_at`, newest first. */
  sort?: 'name' | '-name' | 'created_at' | '-created_at' | 'last_used_at' | '-last_used_at';
  /** The size of a page, 1 to 200. Default: 200. */
  limit?: number;
}

/** A value that a secret has or had. */
export interface SecretVersion {
  version: number;
  createdAt: Date;
  /** When the next one took its place. */
  retiredAt?: Date;
}

/** Whether a key works, told by one harmless call. */
export interface SecretTest {
  /** `unknown`: the answer says neither. */
  works: boolean | 'unknown';
  /** What the provider answered. */
  status?: number;
  latencyMs?: number;
  method: string;
  host: string;
  path: string;
  /** For people. */
  explanation: string;
}

/** A request that might be made. */
export interface RequestSketch {
  /** Default: `GET`. */
  method?: string;
  url: string;
  /** The stand-in is written as `{{stand_in}}`; in Basic credentials `Basic {{base64 user:{{stand_in}}}}`. */
  headers?: Record<string, string>;
}

/** What would become of such a request. */
export interface SecretExplanation {
  /** `passed`: it would go as it is, without a credential. */
  outcome: 'swapped' | 'passed' | 'refused';
  host: string;
  standIns: { slot: string; swapped: boolean }[];
  /** With `{{value}}` for the value. */
  wouldSend: string[];
  refused?: { code: string; cause: string; cure: string };
  explanation: string;
}

/** The body of `POST /secrets`. */
export function createBody(options: SecretCreateOptions): RequestBody<'createSecret'> {
  const { name, value, provider, hosts, auth } = options;
  return {
    name,
    value,
    provider,
    hosts,
    on_tripwire: options.onTripwire,
    auth: auth === undefined || !('perHost' in auth) ? auth : { per_host: auth.perHost },
  };
}
