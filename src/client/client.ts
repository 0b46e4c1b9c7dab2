import type { Answer, ExecConnectRequest, Query, RequestBody } from '../contract/operations.ts';
import { openExecConnection } from './exec-connection.ts';
import type { ExecConnection } from './exec-connection.ts';
import { fileCalls } from './files.ts';
import type { FileCalls } from './files.ts';
import { createCall } from './transport.ts';
import type { ClientOptions } from './transport.ts';

export type SecretResponse = Answer<'getSecret'>;
export type AuditEvent = Answer<'getSecretAudit'>[number];
export type SecretBinding = Answer<'getSecretSandboxes'>[number];
export type Provider = Answer<'listProviders'>[number];
export type Sandbox = Answer<'listSandboxes'>[number];
export type SandboxWithAccess = Answer<'createSandbox'>;
export type Egress = Answer<'rotateEgressToken'>;
export type ApiKey = Answer<'listApiKeys'>[number];
export type AuditVerdict = Answer<'verifyAudit'>;
export type Webhook = Answer<'listWebhooks'>[number];
export type CreatedWebhook = Answer<'createWebhook'>;
export type CreatedApiKey = Answer<'createApiKey'>;
export type ExecResult = Answer<'exec'>;
export type PreviewToken = Answer<'createPreviewToken'>;
export type NetworkLog = Answer<'getSandboxNetwork'>;
export type SecretTest = Answer<'testSecret'>;
export type SecretExplanation = Answer<'explainSecret'>;
export type SecretUsage = Answer<'listSecretUsage'>[number];
export type SecretVersion = Answer<'listSecretVersions'>[number];
export type RequestPage = Answer<'listRequests'>;
export type RequestExplanation = Answer<'explainRequest'>;
export type Activity = Answer<'getActivity'>;
export type ActivityMap = Answer<'getActivityMap'>;
export type Setting = Answer<'getConfig'>[number];
export type DirectoryEntry = Answer<'listSandboxFiles'>['entries'][number];

/** What the data plane wants to know of a sandbox: what create and get answer has it. */
export type SandboxAccess = Pick<SandboxWithAccess, 'id' | 'access_token'>;

/**
 * The API in the words of the contract: what is sent and what comes back are its JSON objects as they are. Every
 * method throws ApiError where the server refuses, ConnectionError where none answers.
 */
export interface Client {
  readonly baseUrl: string;
  health(): Promise<Answer<'getHealth'>>;
  secrets: {
    create(body: RequestBody<'createSecret'>): Promise<SecretResponse>;
    list(): Promise<SecretResponse[]>;
    get(name: string): Promise<SecretResponse>;
    rotate(name: string, value: string): Promise<SecretResponse>;
    setOnTripwire(name: string, onTripwire: SecretResponse['on_tripwire']): Promise<SecretResponse>;
    remove(name: string): Promise<void>;
    /** Requests; tripwire events too where `kind` asks for them. */
    audit(name: string, page?: Partial<Query<'getSecretAudit'>>): Promise<AuditEvent[]>;
    sandboxes(name: string): Promise<SecretBinding[]>;
    /** When its value was replaced, newest first. */
    versions(name: string): Promise<SecretVersion[]>;
    /** One harmless call to its provider, or to a URL of its own hosts: does the key work? */
    test(name: string, call?: RequestBody<'testSecret'>): Promise<SecretTest>;
    /** Whether a request like this would be swapped; nothing is sent. */
    explain(name: string, request: RequestBody<'explainSecret'>): Promise<SecretExplanation>;
  };
  /** What the proxy did, for the team as a whole. */
  requests: {
    list(page?: Partial<Query<'listRequests'>>): Promise<RequestPage>;
    explain(id: number): Promise<RequestExplanation>;
  };
  activity: {
    get(window?: Query<'getActivity'>['window']): Promise<Activity>;
    map(query?: Partial<Query<'getActivityMap'>>): Promise<ActivityMap>;
    secrets(page?: Partial<Query<'listSecretUsage'>>): Promise<SecretUsage[]>;
  };
  /** The server's settings; operator keys only. */
  config(): Promise<Setting[]>;
  sandboxes: {
    create(body: RequestBody<'createSandbox'>): Promise<SandboxWithAccess>;
    list(filter?: Partial<Query<'listSandboxes'>>): Promise<Sandbox[]>;
    get(id: string): Promise<SandboxWithAccess>;
    remove(id: string): Promise<void>;
    attach(id: string, binding: RequestBody<'attachSecret'>): Promise<void>;
    detach(id: string, envKey: string): Promise<void>;
    rotateEgressToken(id: string): Promise<Egress>;
    /** At least one field; null clears. */
    update(id: string, change: RequestBody<'updateSandbox'>): Promise<void>;
    pause(id: string): Promise<void>;
    /** Its access token is replaced. */
    resume(id: string): Promise<Answer<'resumeSandbox'>>;
    /** The same, also for one that is active: whatever it was, it runs. */
    activate(id: string): Promise<SandboxWithAccess>;
    /** What left it, newest first. */
    network(id: string, page?: Partial<Query<'getSandboxNetwork'>>): Promise<NetworkLog>;
    /** The entries of a directory, by name. */
    files(id: string, path: string): Promise<DirectoryEntry[]>;
  };
  /** Ports of a sandbox that can be seen from outside. */
  previews: {
    list(id: string): Promise<Answer<'listPreviewPorts'>>;
    publish(id: string, port: RequestBody<'publishPreviewPort'>): Promise<Answer<'publishPreviewPort'>>;
    unpublish(id: string, port: number): Promise<void>;
    /** Without `seconds` it lasts until the port's tokens are rotated. */
    token(id: string, port: number, seconds?: number): Promise<PreviewToken>;
    rotate(id: string, port: number): Promise<PreviewToken>;
  };
  providers: { list(): Promise<Provider[]> };
  keys: {
    create(body: RequestBody<'createApiKey'>): Promise<CreatedApiKey>;
    list(): Promise<ApiKey[]>;
    revoke(id: string): Promise<void>;
  };
  webhooks: {
    create(body: RequestBody<'createWebhook'>): Promise<CreatedWebhook>;
    list(): Promise<Webhook[]>;
    remove(id: string): Promise<void>;
    test(id: string): Promise<Answer<'testWebhook'>>;
  };
  /** Operator keys only. */
  audit: { verify(since?: Partial<Query<'verifyAudit'>>): Promise<AuditVerdict> };
  files: FileCalls;
  /** Runs a command to its end and answers its output; for one that takes minutes, or a terminal, use `execConnect`. */
  exec(sandbox: SandboxAccess, request: RequestBody<'exec'>, options?: { signal?: AbortSignal }): Promise<ExecResult>;
  /** Starts a command and resolves once the server has it. */
  execConnect(sandbox: SandboxAccess, request: ExecConnectRequest): Promise<ExecConnection>;
}

export function createClient(options: ClientOptions): Client {
  const call = createCall(options);
  return {
    baseUrl: options.baseUrl,
    health: () => call('getHealth'),
    secrets: {
      create: (body) => call('createSecret', { body }),
      list: () => call('listSecrets'),
      get: (name) => call('getSecret', { params: { name } }),
      rotate: (name, value) => call('rotateSecret', { params: { name }, body: { value } }),
      setOnTripwire: (name, onTripwire) =>
        call('rotateSecret', { params: { name }, body: { on_tripwire: onTripwire } }),
      remove: (name) => call('deleteSecret', { params: { name } }),
      audit: (name, page = {}) => call('getSecretAudit', { params: { name }, query: page }),
      sandboxes: (name) => call('getSecretSandboxes', { params: { name } }),
      versions: (name) => call('listSecretVersions', { params: { name } }),
      test: (name, body = {}) => call('testSecret', { params: { name }, body }),
      explain: (name, body) => call('explainSecret', { params: { name }, body }),
    },
    requests: {
      list: (query = {}) => call('listRequests', { query }),
      explain: (id) => call('explainRequest', { params: { id } }),
    },
    activity: {
      get: (window) => call('getActivity', { query: window === undefined ? {} : { window } }),
      map: (query = {}) => call('getActivityMap', { query }),
      secrets: (query = {}) => call('listSecretUsage', { query }),
    },
    config: () => call('getConfig'),
    sandboxes: {
      create: (body) => call('createSandbox', { body }),
      list: (filter = {}) => call('listSandboxes', { query: filter }),
      get: (id) => call('getSandbox', { params: { id } }),
      remove: (id) => call('deleteSandbox', { params: { id } }),
      attach: async (id, body) => void (await call('attachSecret', { params: { id }, body })),
      detach: (id, envKey) => call('detachSecret', { params: { id, env_key: envKey } }),
      rotateEgressToken: (id) => call('rotateEgressToken', { params: { id } }),
      update: (id, body) => call('updateSandbox', { params: { id }, body }),
      pause: (id) => call('pauseSandbox', { params: { id } }),
      resume: (id) => call('resumeSandbox', { params: { id } }),
      activate: (id) => call('activateSandbox', { params: { id } }),
      network: (id, query = {}) => call('getSandboxNetwork', { params: { id }, query }),
      files: async (id, path) => (await call('listSandboxFiles', { params: { id }, query: { path } })).entries,
    },
    previews: {
      list: (id) => call('listPreviewPorts', { params: { id } }),
      publish: (id, body) => call('publishPreviewPort', { params: { id }, body }),
      unpublish: (id, port) => call('unpublishPreviewPort', { params: { id, port } }),
      token: (id, port, seconds) =>
        call('createPreviewToken', { params: { id, port }, body: { expires_in_seconds: seconds ?? null } }),
      rotate: (id, port) => call('rotatePreviewToken', { params: { id, port } }),
    },
    providers: { list: () => call('listProviders') },
    keys: {
      create: (body) => call('createApiKey', { body }),
      list: () => call('listApiKeys'),
      revoke: (id) => call('revokeApiKey', { params: { id } }),
    },
    webhooks: {
      create: (body) => call('createWebhook', { body }),
      list: () => call('listWebhooks'),
      remove: (id) => call('deleteWebhook', { params: { id } }),
      test: (id) => call('testWebhook', { params: { id } }),
    },
    audit: { verify: (since = {}) => call('verifyAudit', { query: since }) },
    files: fileCalls(options),
    exec: (sandbox, body, { signal } = {}) =>
      call('exec', {
        body,
        signal,
        headers: { 'x-access-token': sandbox.access_token, 'x-superserve-sandbox-id': sandbox.id },
      }),
    execConnect: (sandbox, request) => openExecConnection({ baseUrl: options.baseUrl, sandbox, request }),
  };
}
