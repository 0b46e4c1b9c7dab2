import { z } from 'zod';
import { activityMap, activityResponse, secretUsage, secretVersion } from './schemas/activity.ts';
import { apiKeyResponse, createApiKeyRequest, createdApiKey } from './schemas/api-keys.ts';
import { auditGap, auditVerdict } from './schemas/audit.ts';
import { secretExplanation, secretTest } from './schemas/checks.ts';
import { execRequest, execResponse } from './schemas/exec.ts';
import { directoryListing } from './schemas/files.ts';
import { refusalExplained, requestExplanation, requestPage, requestRow } from './schemas/requests.ts';
import {
  attachSecretRequest,
  createSandboxRequest,
  egressResponse,
  networkLogPage,
  sandboxResponse,
  sandboxWithAccess,
  updateSandboxRequest,
} from './schemas/sandboxes.ts';
import {
  auditEvent,
  authPerHost,
  authRule,
  createSecretRequest,
  providerResponse,
  rotateSecretRequest,
  secretBinding,
  secretResponse,
} from './schemas/secrets.ts';
import { sessionResponse } from './schemas/sessions.ts';
import { errorEnvelope } from './schemas/system.ts';

/** Schemas that stand in the OpenAPI document once, under a name of their own. */
const named = {
  Activity: activityResponse,
  ActivityMap: activityMap,
  ApiKey: apiKeyResponse,
  AttachSecret: attachSecretRequest,
  AuditEvent: auditEvent,
  AuditGap: auditGap,
  AuditVerdict: auditVerdict,
  AuthPerHost: authPerHost,
  AuthRule: authRule,
  CreateApiKey: createApiKeyRequest,
  CreateSandbox: createSandboxRequest,
  CreateSecret: createSecretRequest,
  CreatedApiKey: createdApiKey,
  DirectoryListing: directoryListing,
  Egress: egressResponse,
  Error: errorEnvelope,
  ExecRequest: execRequest,
  ExecResponse: execResponse,
  NetworkLogPage: networkLogPage,
  Provider: providerResponse,
  RefusalExplained: refusalExplained,
  Request: requestRow,
  RequestExplanation: requestExplanation,
  RequestPage: requestPage,
  RotateSecret: rotateSecretRequest,
  Sandbox: sandboxResponse,
  SandboxWithAccess: sandboxWithAccess,
  Secret: secretResponse,
  SecretBinding: secretBinding,
  SecretExplanation: secretExplanation,
  SecretTest: secretTest,
  SecretUsage: secretUsage,
  SecretVersion: secretVersion,
  Session: sessionResponse,
  UpdateSandbox: updateSandboxRequest,
};

type JsonSchema = z.core.JSONSchema.BaseSchema;

const prefix = '#/components/schemas/';
const names = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries<z.ZodType>(named)) names.add(schema, { id });

/** Every named schema, those it uses being referred to by name. */
export function componentSchemas(): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(names, { io: 'input', target: 'draft-2020-12', uri: (id) => prefix + id });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]));
}

/** A schema by its name where it has one; its parts likewise. */
export function schemaOf(schema: z.ZodType): JsonSchema {
  const name = names.get(schema)?.id;
  if (name !== undefined) return { $ref: prefix + name };
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodType) {
    return { type: 'array', items: schemaOf(schema.element) };
  }
  return bare(z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' }));
}

function bare(schema: JsonSchema): JsonSchema {
  const { $schema: _dialect, $id: _name, ...rest } = schema;
  return rest;
}
