import type { OperationId, Operations } from '../../../src/contract/operations.ts';

type RouteOf<Id extends OperationId> = `${Operations[Id]['method']} ${Operations[Id]['path']}`;

/**
 * Where the calls live that the console makes. The contract itself brings its schemas along, which a page need not load;
 * its types hold every entry here to what it says.
 */
export const routes = {
  createSession: 'POST /session',
  getSession: 'GET /session',
  deleteSession: 'DELETE /session',
  createSecret: 'POST /secrets',
  listSecrets: 'GET /secrets',
  getSecret: 'GET /secrets/{name}',
  rotateSecret: 'PATCH /secrets/{name}',
  deleteSecret: 'DELETE /secrets/{name}',
  getSecretAudit: 'GET /secrets/{name}/audit',
  getSecretSandboxes: 'GET /secrets/{name}/sandboxes',
  listSecretVersions: 'GET /secrets/{name}/versions',
  testSecret: 'POST /secrets/{name}/test',
  explainSecret: 'POST /secrets/{name}/explain',
  listProviders: 'GET /providers',
  listRequests: 'GET /requests',
  explainRequest: 'GET /requests/{id}/explain',
  getActivity: 'GET /activity',
  getActivityMap: 'GET /activity/map',
  listSecretUsage: 'GET /activity/secrets',
  getConfig: 'GET /config',
  createSandbox: 'POST /sandboxes',
  listSandboxes: 'GET /sandboxes',
  getSandbox: 'GET /sandboxes/{id}',
  updateSandbox: 'PATCH /sandboxes/{id}',
  deleteSandbox: 'DELETE /sandboxes/{id}',
  pauseSandbox: 'POST /sandboxes/{id}/pause',
  resumeSandbox: 'POST /sandboxes/{id}/resume',
  attachSecret: 'POST /sandboxes/{id}/secrets',
  detachSecret: 'DELETE /sandboxes/{id}/secrets/{env_key}',
  rotateEgressToken: 'POST /sandboxes/{id}/egress-token',
  getSandboxNetwork: 'GET /sandboxes/{id}/network',
  listSandboxFiles: 'GET /sandboxes/{id}/files',
  listPreviewPorts: 'GET /sandboxes/{id}/preview-ports',
  publishPreviewPort: 'POST /sandboxes/{id}/preview-ports',
  unpublishPreviewPort: 'DELETE /sandboxes/{id}/preview-ports/{port}',
  createPreviewToken: 'POST /sandboxes/{id}/preview-ports/{port}/token',
  rotatePreviewToken: 'POST /sandboxes/{id}/preview-ports/{port}/token/rotate',
  createApiKey: 'POST /api-keys',
  listApiKeys: 'GET /api-keys',
  revokeApiKey: 'DELETE /api-keys/{id}',
  createWebhook: 'POST /webhooks',
  listWebhooks: 'GET /webhooks',
  deleteWebhook: 'DELETE /webhooks/{id}',
  testWebhook: 'POST /webhooks/{id}/test',
  verifyAudit: 'GET /audit/verify',
  getHealth: 'GET /health',
} as const satisfies { [Id in OperationId]?: RouteOf<Id> };

export type Route = keyof typeof routes;
