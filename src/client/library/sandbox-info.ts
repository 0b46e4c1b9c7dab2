import type { RequestBody } from '../../contract/operations.ts';
import type { ConnectionOptions } from './connection.ts';

/** `failed`: its processes are gone; what it was bound to stays until it is deleted. */
export type SandboxStatus = 'active' | 'paused' | 'resuming' | 'failed';

/** Who may see a published port: whoever knows its name, or whoever has a token. */
export type PreviewAccess = 'public' | 'private';

/** What a sandbox may reach. With nothing set: any public address. */
export interface NetworkConfig {
  /** CIDRs, domains and `*.domains`. Wins over `denyOut`. */
  allowOut?: string[];
  /** CIDRs only. */
  denyOut?: string[];
  /** Which TLS the proxy opens: all of it, or only that to hosts which a secret of this sandbox names. */
  intercept?: 'all' | 'bound';
  /** Domains and `*.domains` whose TLS is never opened, for clients that pin certificates. */
  tunnelOut?: string[];
}

/** A variable of a sandbox, and the secret that its stand-in is for. */
export interface SandboxSecretBinding {
  envKey: string;
  secretName: string;
  /** The secret was deleted: its stand-in gets nowhere. */
  revoked: boolean;
}

/** A sandbox as the server describes it. */
export interface SandboxInfo {
  id: string;
  name: string;
  status: SandboxStatus;
  /** `bubblewrap`, or `external` for one that is run elsewhere. */
  driver: string;
  vcpuCount: number;
  memoryMib: number;
  createdAt: Date;
  /** Paused after so many seconds of being active. */
  timeoutSeconds?: number;
  /** Deleted after so many seconds of being paused. */
  autoDeleteSeconds?: number;
  /** When it will be; only while it is paused. */
  autoDeleteAt?: Date;
  network?: NetworkConfig;
  /** The caller's own names and values. */
  metadata: Record<string, string>;
  /** What a port that is published without a word is. */
  previewAccess: PreviewAccess;
  secrets: SandboxSecretBinding[];
}

/** A directory of the server's own machine inside a sandbox. Takes an operator key. */
export interface Mount {
  source: string;
  target: string;
  readOnly?: boolean;
}

/** What `Sandbox.create` takes. */
export interface SandboxCreateOptions extends ConnectionOptions {
  /** 1 to 64 characters; need not be the only one of that name. */
  name: string;
  /** The name of a template that the operator registered. Default: the server's own system. */
  fromTemplate?: string;
  /** Pause it after so many seconds of being active, 1 to 604,800. Default: never. */
  timeoutSeconds?: number;
  /** Delete it after so many seconds of being paused; `0`: as soon as it pauses. Default: never. */
  autoDeleteSeconds?: number;
  /** Up to 64 names and values of your own, to find it by. */
  metadata?: Record<string, string>;
  /** Variables that its commands see. Never a credential: those are `secrets`. */
  envVars?: Record<string, string>;
  /** Variable → name of a secret: the sandbox sees a stand-in, the proxy swaps in the value. */
  secrets?: Record<string, string>;
  network?: NetworkConfig;
  /** `bubblewrap`, or `external` for one that you run yourself. Default: the server's. */
  driver?: string;
  /** What a port that is published without a word is. Default: `private`. */
  previewAccess?: PreviewAccess;
  /** Takes an operator key. */
  mounts?: Mount[];
}

/** What `sandbox.update` takes: at least one. What is left out stays; `null` clears. */
export interface SandboxUpdateOptions {
  metadata?: Record<string, string>;
  /** Counts for what is open too: what it forbids ends within a second. Only while the sandbox is active. */
  network?: NetworkConfig;
  autoDeleteSeconds?: number | null;
  timeoutSeconds?: number | null;
  previewAccess?: PreviewAccess;
}

/** How a program that runs elsewhere reaches the proxy as this sandbox. Whoever has it can use the stand-ins. */
export interface SandboxEgress {
  /** With the sandbox's id and, where it was just made, its token. */
  proxyUrl: string;
  /** The certificate that the proxy's are signed with. */
  caPem: string;
  /** Every variable to set: the sandbox's own, stand-ins, proxy and trust. */
  env: Record<string, string>;
}

/** The body of `POST /sandboxes`. */
export function createBody(options: SandboxCreateOptions): RequestBody<'createSandbox'> {
  return {
    name: options.name,
    from_template: options.fromTemplate,
    timeout_seconds: options.timeoutSeconds,
    auto_delete_seconds: options.autoDeleteSeconds,
    metadata: options.metadata,
    env_vars: options.envVars,
    secrets: options.secrets,
    network: options.network && networkBody(options.network),
    driver: options.driver,
    preview_access: options.previewAccess,
    mounts: options.mounts?.map(({ source, target, readOnly }) => ({ source, target, read_only: readOnly })),
  };
}

/** The body of `PATCH /sandboxes/{id}`. */
export function updateBody(change: SandboxUpdateOptions): RequestBody<'updateSandbox'> {
  return {
    metadata: change.metadata,
    network: change.network && networkBody(change.network),
    auto_delete_seconds: change.autoDeleteSeconds,
    timeout_seconds: change.timeoutSeconds,
    preview_access: change.previewAccess,
  };
}

function networkBody(network: NetworkConfig): RequestBody<'createSandbox'>['network'] {
  return {
    allow_out: network.allowOut,
    deny_out: network.denyOut,
    intercept: network.intercept,
    tunnel_out: network.tunnelOut,
  };
}
