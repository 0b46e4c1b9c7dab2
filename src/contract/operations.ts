import { z } from 'zod';
import type { Operation } from './operation.ts';
import { apiKeyResponse, createApiKeyRequest, createdApiKey } from './schemas/api-keys.ts';
import { auditVerdict, verifyAuditQuery } from './schemas/audit.ts';
import { execConnectRequest, execRequest, execResponse } from './schemas/exec.ts';
import { envKey, secretName, uuid } from './schemas/fields.ts';
import { directoryListing, downloadQuery, filePathQuery, uploadedFile } from './schemas/files.ts';
import {
  attachSecretRequest,
  attachedSecret,
  createSandboxRequest,
  egressResponse,
  listSandboxesQuery,
  networkLogPage,
  networkLogQuery,
  resumedSandbox,
  sandboxResponse,
  sandboxWithAccess,
  updateSandboxRequest,
} from './schemas/sandboxes.ts';
import {
  auditEvent,
  auditQuery,
  createSecretRequest,
  providerResponse,
  rotateSecretRequest,
  secretBinding,
  secretResponse,
} from './schemas/secrets.ts';
import { health, openApiDocument } from './schemas/system.ts';
import { webhookOperations } from './webhook-operations.ts';

const byName = z.object({ name: secretName });
const byId = z.object({ id: uuid });
const byIdAndKey = z.object({ id: uuid, env_key: envKey });

/** Every call there is. The server, the client, the OpenAPI document and the authorisation tests all walk this table. */
export const operations = {
  getHealth: {
    method: 'GET',
    path: '/health',
    summary: 'Whether the server can do its work',
    auth: 'none',
    success: { status: 200, schema: health },
    errors: ['unavailable'],
    implemented: true,
  },
  getOpenApi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    auth: 'none',
    success: { status: 200, schema: openApiDocument },
    errors: [],
    implemented: true,
  },

  createSecret: {
    method: 'POST',
    path: '/secrets',
    summary: 'Store a credential, with the hosts it may be sent to and how',
    auth: 'api-key',
    body: createSecretRequest,
    success: { status: 201, schema: secretResponse },
    errors: ['conflict', 'unavailable'],
    implemented: true,
  },
  listSecrets: {
    method: 'GET',
    path: '/secrets',
    summary: 'Every live secret of the team, newest first',
    auth: 'api-key',
    success: { status: 200, schema: z.array(secretResponse) },
    errors: [],
    implemented: true,
  },
  getSecret: {
    method: 'GET',
    path: '/secrets/{name}',
    summary: 'One secret, without its value',
    auth: 'api-key',
    params: byName,
    success: { status: 200, schema: secretResponse },
    errors: [],
    implemented: true,
  },
  rotateSecret: {
    method: 'PATCH',
    path: '/secrets/{name}',
    summary: 'Replace the value; the next request through the proxy uses it',
    auth: 'api-key',
    params: byName,
    body: rotateSecretRequest,
    success: { status: 200, schema: secretResponse },
    errors: ['conflict', 'unavailable'],
    implemented: true,
  },
  deleteSecret: {
    method: 'DELETE',
    path: '/secrets/{name}',
    summary: 'Revoke everywhere at once; the audit history stays',
    auth: 'api-key',
    params: byName,
    success: { status: 204, schema: null },
    errors: [],
    implemented: true,
  },
  getSecretAudit: {
    method: 'GET',
    path: '/secrets/{name}/audit',
    summary: 'What the proxy did with the secret, newest first',
    auth: 'api-key',
    params: byName,
    query: auditQuery,
    success: { status: 200, schema: z.array(auditEvent) },
    errors: [],
    implemented: true,
  },
  getSecretSandboxes: {
    method: 'GET',
    path: '/secrets/{name}/sandboxes',
    summary: 'The sandboxes that the secret is bound to',
    auth: 'api-key',
    params: byName,
    success: { status: 200, schema: z.array(secretBinding) },
    errors: [],
    implemented: true,
  },
  listProviders: {
    method: 'GET',
    path: '/providers',
    summary: 'The catalogue of provider shortcuts',
    auth: 'api-key',
    success: { status: 200, schema: z.array(providerResponse) },
    errors: [],
    implemented: true,
  },

  createSandbox: {
    method: 'POST',
    path: '/sandboxes',
    summary: 'Make a sandbox whose variables hold stand-ins for secrets',
    auth: 'api-key',
    body: createSandboxRequest,
    success: { status: 201, schema: sandboxWithAccess },
    errors: ['conflict', 'too_many_sandboxes', 'not_implemented', 'unavailable', 'sandbox_storage_full'],
    implemented: true,
  },
  listSandboxes: {
    method: 'GET',
    path: '/sandboxes',
    summary: 'Live sandboxes, newest first; `metadata.<key>=<value>` filters',
    auth: 'api-key',
    query: listSandboxesQuery,
    success: { status: 200, schema: z.array(sandboxResponse) },
    errors: [],
    implemented: true,
  },
  getSandbox: {
    method: 'GET',
    path: '/sandboxes/{id}',
    summary: 'One sandbox, with its access token',
    auth: 'api-key',
    params: byId,
    success: { status: 200, schema: sandboxWithAccess },
    errors: [],
    implemented: true,
  },
  updateSandbox: {
    method: 'PATCH',
    path: '/sandboxes/{id}',
    summary: 'Change network rules, metadata or timeouts',
    auth: 'api-key',
    params: byId,
    body: updateSandboxRequest,
    success: { status: 204, schema: null },
    errors: ['conflict'],
    implemented: false,
  },
  deleteSandbox: {
    method: 'DELETE',
    path: '/sandboxes/{id}',
    summary: 'End the sandbox; its stand-ins and tokens stop working',
    auth: 'api-key',
    params: byId,
    success: { status: 204, schema: null },
    errors: [],
    implemented: true,
  },
  pauseSandbox: {
    method: 'POST',
    path: '/sandboxes/{id}/pause',
    summary: 'Freeze every process of the sandbox',
    auth: 'api-key',
    params: byId,
    success: { status: 204, schema: null },
    errors: ['conflict'],
    implemented: false,
  },
  resumeSandbox: {
    method: 'POST',
    path: '/sandboxes/{id}/resume',
    summary: 'Thaw a paused sandbox, with a fresh access token',
    auth: 'api-key',
    params: byId,
    success: { status: 200, schema: resumedSandbox },
    errors: ['conflict'],
    implemented: false,
  },
  activateSandbox: {
    method: 'POST',
    path: '/sandboxes/{id}/activate',
    summary: 'Make sure the sandbox runs, with a fresh access token',
    auth: 'api-key',
    params: byId,
    success: { status: 200, schema: sandboxWithAccess },
    errors: ['conflict'],
    implemented: false,
  },
  attachSecret: {
    method: 'POST',
    path: '/sandboxes/{id}/secrets',
    summary: 'Bind a secret to a variable; processes started from now on see its stand-in',
    auth: 'api-key',
    params: byId,
    body: attachSecretRequest,
    success: { status: 201, schema: attachedSecret },
    errors: ['conflict'],
    implemented: true,
  },
  detachSecret: {
    method: 'DELETE',
    path: '/sandboxes/{id}/secrets/{env_key}',
    summary: 'Unbind a variable; its stand-in stops working at once',
    auth: 'api-key',
    params: byIdAndKey,
    success: { status: 204, schema: null },
    errors: [],
    implemented: true,
  },
  rotateEgressToken: {
    method: 'POST',
    path: '/sandboxes/{id}/egress-token',
    summary: 'A new proxy token for the sandbox; the old one stops working',
    auth: 'api-key',
    params: byId,
    success: { status: 200, schema: egressResponse },
    errors: [],
    implemented: true,
  },
  getSandboxNetwork: {
    method: 'GET',
    path: '/sandboxes/{id}/network',
    summary: 'Connections and requests that left the sandbox, newest first',
    auth: 'api-key',
    params: byId,
    query: networkLogQuery,
    success: { status: 200, schema: networkLogPage },
    errors: [],
    implemented: false,
  },
  listSandboxFiles: {
    method: 'GET',
    path: '/sandboxes/{id}/files',
    summary: 'The entries of a directory in the sandbox',
    auth: 'api-key',
    params: byId,
    query: filePathQuery,
    success: { status: 200, schema: directoryListing },
    errors: ['unavailable'],
    implemented: false,
  },

  exec: {
    method: 'POST',
    path: '/exec',
    summary: 'Run a command to its end',
    auth: 'access-token',
    body: execRequest,
    success: { status: 200, schema: execResponse },
    errors: ['conflict', 'unavailable'],
    implemented: true,
  },
  execStream: {
    method: 'POST',
    path: '/exec/stream',
    summary: 'Run a command, its output as server-sent events',
    auth: 'access-token',
    body: execRequest,
    success: { status: 200, schema: null, mediaType: 'text/event-stream' },
    errors: ['conflict', 'unavailable'],
    implemented: false,
  },
  execConnect: {
    method: 'GET',
    path: '/exec/connect',
    summary: 'Run a command over a WebSocket, with its standard input, signals and terminal',
    auth: 'access-token',
    success: { status: 101, schema: null },
    errors: ['bad_request', 'conflict', 'unavailable'],
    implemented: true,
    webSocket: true,
  },
  downloadFile: {
    method: 'GET',
    path: '/files',
    summary: 'A file of the sandbox, or a directory as a zip',
    auth: 'access-token',
    query: downloadQuery,
    success: { status: 200, schema: null, mediaType: 'application/octet-stream' },
    errors: ['not_found', 'unavailable'],
    implemented: false,
  },
  uploadFile: {
    method: 'POST',
    path: '/files',
    summary: 'Write a file of the sandbox; parents are made',
    auth: 'access-token',
    query: filePathQuery,
    success: { status: 200, schema: uploadedFile },
    errors: ['unavailable', 'sandbox_storage_full'],
    implemented: false,
  },

  verifyAudit: {
    method: 'GET',
    path: '/audit/verify',
    summary: 'Whether the audit trail is as it was written; operator keys only',
    auth: 'api-key',
    query: verifyAuditQuery,
    success: { status: 200, schema: auditVerdict },
    errors: ['unavailable'],
    implemented: true,
  },

  ...webhookOperations,

  createApiKey: {
    method: 'POST',
    path: '/api-keys',
    summary: 'Make an API key of this team; it is shown this once',
    auth: 'api-key',
    body: createApiKeyRequest,
    success: { status: 201, schema: createdApiKey },
    errors: [],
    implemented: true,
  },
  listApiKeys: {
    method: 'GET',
    path: '/api-keys',
    summary: 'The live API keys of this team',
    auth: 'api-key',
    success: { status: 200, schema: z.array(apiKeyResponse) },
    errors: [],
    implemented: true,
  },
  revokeApiKey: {
    method: 'DELETE',
    path: '/api-keys/{id}',
    summary: 'Revoke an API key at once',
    auth: 'api-key',
    params: byId,
    success: { status: 204, schema: null },
    errors: ['conflict'],
    implemented: true,
  },
} as const satisfies Record<string, Operation>;

/** The same to walk, each with its id. */
export const operationList: readonly [id: string, operation: Operation][] = Object.entries<Operation>(operations);

export type Operations = typeof operations;
export type OperationId = keyof Operations;

type OutputOf<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type InputOf<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;
type Part<Id extends OperationId, Name extends string> =
  Operations[Id] extends Record<Name, infer Schema> ? Schema : undefined;

/** What a handler is given: checked, with defaults filled in. */
export type Params<Id extends OperationId> = OutputOf<Part<Id, 'params'>>;
export type Query<Id extends OperationId> = OutputOf<Part<Id, 'query'>>;
export type Body<Id extends OperationId> = OutputOf<Part<Id, 'body'>>;
/** What a caller sends. */
export type RequestBody<Id extends OperationId> = InputOf<Part<Id, 'body'>>;
/** What the caller gets. */
export type Answer<Id extends OperationId> = OutputOf<Operations[Id]['success']['schema']>;

/** The first text frame of `execConnect`, as sent. */
export type ExecConnectRequest = z.input<typeof execConnectRequest>;
