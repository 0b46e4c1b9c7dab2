import { z } from 'zod';
import type { Operation } from './operation.ts';
import { activityOperations } from './activity-operations.ts';
import { apiKeyResponse, createApiKeyRequest, createdApiKey } from './schemas/api-keys.ts';
import { listSecretsQuery, secretVersion } from './schemas/activity.ts';
import { auditVerdict, verifyAuditQuery } from './schemas/audit.ts';
import { explainSecretRequest, secretExplanation, secretTest, testSecretRequest } from './schemas/checks.ts';
import { dataPlaneOperations } from './data-plane-operations.ts';
import type { execConnectRequest } from './schemas/exec.ts';
import { secretName, uuid } from './schemas/fields.ts';
import {
  auditEvent,
  auditQuery,
  createSecretRequest,
  providerResponse,
  rotateSecretRequest,
  secretBinding,
  secretResponse,
} from './schemas/secrets.ts';
import { configResponse, health, openApiDocument } from './schemas/system.ts';
import { sessionOperations } from './session-operations.ts';
import { sandboxOperations } from './sandbox-operations.ts';
import { webhookOperations } from './webhook-operations.ts';

const byName = z.object({ name: secretName });
const byId = z.object({ id: uuid });

/** Every call there is. The server, the client, the OpenAPI document and the authorisation tests all walk this table. */
export const operations = {
  getHealth: {
    method: 'GET',
    path: '/health',
    summary: 'Whether the server can do its work',
    auth: 'none',
    success: { status: 200, schema: health },
    errors: ['unavailable'],
  },
  getOpenApi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    auth: 'none',
    success: { status: 200, schema: openApiDocument },
    errors: [],
  },
  getCa: {
    method: 'GET',
    path: '/ca.pem',
    summary: 'The certificate that sandboxes trust; it is no secret',
    auth: 'none',
    success: { status: 200, schema: null, mediaType: 'application/x-pem-file' },
    errors: [],
    streamed: true,
  },
  getConfig: {
    method: 'GET',
    path: '/config',
    summary: 'The settings as they stand, redacted; operator keys only',
    auth: 'api-key',
    success: { status: 200, schema: configResponse },
    errors: [],
  },

  ...sessionOperations,

  createSecret: {
    method: 'POST',
    path: '/secrets',
    summary: 'Store a credential, with the hosts it may be sent to and how',
    auth: 'api-key',
    body: createSecretRequest,
    success: { status: 201, schema: secretResponse },
    errors: ['conflict', 'unavailable'],
  },
  listSecrets: {
    method: 'GET',
    path: '/secrets',
    summary:
      'Every live secret of the team, newest first; with any parameter a page, and `X-Next-Cursor` leads to the next',
    auth: 'api-key',
    query: listSecretsQuery,
    success: { status: 200, schema: z.array(secretResponse) },
    errors: [],
    paged: true,
  },
  getSecret: {
    method: 'GET',
    path: '/secrets/{name}',
    summary: 'One secret, without its value',
    auth: 'api-key',
    params: byName,
    success: { status: 200, schema: secretResponse },
    errors: [],
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
  },
  deleteSecret: {
    method: 'DELETE',
    path: '/secrets/{name}',
    summary: 'Revoke everywhere at once; the audit history stays',
    auth: 'api-key',
    params: byName,
    success: { status: 204, schema: null },
    errors: [],
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
  },
  getSecretSandboxes: {
    method: 'GET',
    path: '/secrets/{name}/sandboxes',
    summary: 'The sandboxes that the secret is bound to',
    auth: 'api-key',
    params: byName,
    success: { status: 200, schema: z.array(secretBinding) },
    errors: [],
  },
  listSecretVersions: {
    method: 'GET',
    path: '/secrets/{name}/versions',
    summary: 'When the value was replaced, newest first; without any value',
    auth: 'api-key',
    params: byName,
    success: { status: 200, schema: z.array(secretVersion) },
    errors: [],
  },
  testSecret: {
    method: 'POST',
    path: '/secrets/{name}/test',
    summary: 'Whether the key works: one harmless call to its provider, by way of the proxy',
    auth: 'api-key',
    params: byName,
    body: testSecretRequest,
    success: { status: 200, schema: secretTest },
    errors: ['unavailable'],
  },
  explainSecret: {
    method: 'POST',
    path: '/secrets/{name}/explain',
    summary: 'Whether a request like this would be swapped; nothing is sent',
    auth: 'api-key',
    params: byName,
    body: explainSecretRequest,
    success: { status: 200, schema: secretExplanation },
    errors: [],
  },
  listProviders: {
    method: 'GET',
    path: '/providers',
    summary: 'The catalogue of provider shortcuts',
    auth: 'api-key',
    success: { status: 200, schema: z.array(providerResponse) },
    errors: [],
  },

  ...sandboxOperations,
  ...dataPlaneOperations,

  verifyAudit: {
    method: 'GET',
    path: '/audit/verify',
    summary: 'Whether the audit trail is as it was written; operator keys only',
    auth: 'api-key',
    query: verifyAuditQuery,
    success: { status: 200, schema: auditVerdict },
    errors: ['unavailable'],
  },

  ...activityOperations,
  ...webhookOperations,

  createApiKey: {
    method: 'POST',
    path: '/api-keys',
    summary: 'Make an API key of this team; it is shown this once',
    auth: 'api-key',
    body: createApiKeyRequest,
    success: { status: 201, schema: createdApiKey },
    errors: [],
  },
  listApiKeys: {
    method: 'GET',
    path: '/api-keys',
    summary: 'The live API keys of this team',
    auth: 'api-key',
    success: { status: 200, schema: z.array(apiKeyResponse) },
    errors: [],
  },
  revokeApiKey: {
    method: 'DELETE',
    path: '/api-keys/{id}',
    summary: 'Revoke an API key at once',
    auth: 'api-key',
    params: byId,
    success: { status: 204, schema: null },
    errors: ['conflict'],
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
