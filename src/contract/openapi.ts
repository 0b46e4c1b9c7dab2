import type { z } from 'zod';
import { errorCodes } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { componentSchemas, schemaOf } from './components.ts';
import { errorsOf } from './operation.ts';
import type { Operation } from './operation.ts';
import { operationList } from './operations.ts';

export interface OpenApiDocument {
  openapi: string;
  [section: string]: unknown;
}

/**
 * The contract as an OpenAPI 3.1 document. Which status a code is answered with is the server's to say, so it is handed
 * in.
 */
export function createOpenApi(options: { version: string; statusOf: Record<ErrorCode, number> }): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [id, operation] of operationList) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = describe(id, operation, options.statusOf);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Standin',
      version: options.version,
      summary: 'Lets code that nobody trusts use credentials that it never holds',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: componentSchemas(),
      responses: errorResponses(options.statusOf),
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'standin_session',
          description: 'Of a browser that signed in by `POST /session`; same-origin requests only.',
        },
        accessToken: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Access-Token',
          description:
            'Of one sandbox, which `boxd-<sandbox id>.<domain>` as host, or the header X-Superserve-Sandbox-Id, names.',
        },
      },
    },
  };
}

const schemes = {
  'api-key': [{ apiKey: [] }, { session: [] }],
  'access-token': [{ accessToken: [] }],
  session: [{ session: [] }],
  none: [],
} as const;

function describe(id: string, operation: Operation, statusOf: Record<ErrorCode, number>) {
  const parameters = [
    ...parametersOf('path', operation.params),
    ...parametersOf('query', operation.query),
    ...(operation.auth === 'access-token' ? [routingHeader] : []),
  ];
  return {
    operationId: id,
    summary: operation.summary,
    security: operation.path === '/session' && operation.method === 'POST' ? [] : schemes[operation.auth],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(operation.body) } } } }),
    responses: { [operation.success.status]: successOf(operation), ...refusalsOf(operation, statusOf) },
  };
}

const routingHeader = {
  name: 'X-Superserve-Sandbox-Id',
  in: 'header',
  required: false,
  description: 'The sandbox, where the host name does not say it.',
  schema: { type: 'string', format: 'uuid' },
};

const nextCursor = { schema: { type: 'string' }, description: 'The `before` of the next page; absent: there is none' };

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined) {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema);
  return Object.entries(properties).map(([name, property]) => {
    const parameter = { name, in: place, required: place === 'path' || required.includes(name), schema: property };
    const isMap = typeof property === 'object' && property.type === 'object';
    // OpenAPI has no style that joins by a dot, so the description says it.
    return isMap
      ? Object.assign(parameter, { description: `Sent as \`${name}.<key>=<value>\`, once a key.` })
      : parameter;
  });
}

function successOf({ success, webSocket, paged }: Operation) {
  if (webSocket === true) return { description: 'The connection is a WebSocket from here on' };
  if (success.schema === null && success.mediaType === undefined) return { description: 'Done' };
  const schema = success.schema === null ? {} : schemaOf(success.schema);
  const headers = paged === true ? { headers: { 'X-Next-Cursor': nextCursor } } : {};
  return { description: 'Done', ...headers, content: { [success.mediaType ?? 'application/json']: { schema } } };
}

function refusalsOf(operation: Operation, statusOf: Record<ErrorCode, number>) {
  const statuses = new Set(errorsOf(operation).map((code) => statusOf[code]));
  return Object.fromEntries([...statuses].map((status) => [status, { $ref: `#/components/responses/${status}` }]));
}

/** One response for each status, with the codes that it may carry. */
function errorResponses(statusOf: Record<ErrorCode, number>) {
  const byStatus = Map.groupBy(errorCodes, (code) => statusOf[code]);
  const retryAfter = { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds to wait' } };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(', '),
        ...(status === 429 ? { headers: retryAfter } : {}),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}
