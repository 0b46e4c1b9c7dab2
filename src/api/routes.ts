import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { operationList } from '../contract/operations.ts';
import type { Operation } from '../contract/operation.ts';
import { strict } from '../contract/schemas/fields.ts';
import { StandinError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Caller, Vault } from '../vault/types.ts';
import { addressingOf } from './addressing.ts';
import type { AddressingOptions } from './addressing.ts';
import type { Authenticator, SandboxAccess } from './authentication.ts';
import { serveExecConnect } from './exec-connect.ts';
import type { Exchange, Handlers, StreamHandlers } from './handler.ts';
import type { Upgrades } from './upgrades.ts';
import { checked } from './validation.ts';

type AnyHandler = (input: never) => Promise<unknown>;
type AnyStreamHandler = (input: never, exchange: Exchange) => Promise<void>;

export interface RouteOptions {
  handlers: Handlers;
  streams: StreamHandlers;
  authenticator: Authenticator;
  addressing: AddressingOptions;
  /** Aborts when the server stops. */
  stopping: AbortSignal;
  upgrades: Upgrades;
  vault: Vault;
  logger: Logger;
}

/** Null: an operation that asks for nobody. */
type Identity = { caller: Caller } | { access: SandboxAccess } | { request: IncomingMessage } | null;

interface RouteTypes {
  Querystring: Record<string, unknown>;
}
type Request = FastifyRequest<RouteTypes>;

const nothing = strict({});

/** One route for each operation of the contract. Nothing of a body is read before the caller is known. */
export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  const handlers: Partial<Record<string, AnyHandler>> = options.handlers;
  const streams: Partial<Record<string, AnyStreamHandler>> = options.streams;
  for (const [id, operation] of operationList) {
    const identities = new WeakMap<Request, Identity>();
    const add = (to: FastifyInstance) =>
      to.route<RouteTypes>({
        method: operation.method,
        url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
        config: { operation: id },
        onRequest: async (request) => {
          identities.set(request, await identify(request, operation, options));
        },
        handler: async (request, reply) => {
          const identity = identities.get(request);
          if (identity === undefined) throw new Error('a handler was reached without authentication');
          if (operation.webSocket === true) return accept(request, reply, { identity, options });
          const input = {
            ...identity,
            ...inputOf(request, operation),
            signal: signalOf(reply, options.stopping),
            setHeader: (name: string, value: string) => void reply.header(name, value),
          };
          if (operation.streamed === true)
            return stream(request, reply, { handler: streams[id], input, logger: options.logger });
          return reply.code(operation.success.status).send(await dispatch(handlers[id], input));
        },
      });
    if (operation.bytes === true) void app.register(async (part) => add(takingBytes(part)));
    else add(app);
  }
}

/**
 * `input` was checked against the schemas of the operation under whose id the handler stands, and `Handlers` pairs the
 * two; the compiler cannot follow that through a look-up by name.
 */
async function dispatch(handler: AnyHandler | undefined, input: object): Promise<unknown> {
  if (handler === undefined) throw new Error('an operation has no handler');
  const answer: unknown = await Reflect.apply(handler, undefined, [input]);
  return answer;
}

/** Bodies are left to the handler, whatever they are called. */
function takingBytes(part: FastifyInstance): FastifyInstance {
  part.removeAllContentTypeParsers();
  part.addContentTypeParser('*', (_request, _payload, done) => done(null));
  return part;
}

/** Rejects with what went wrong before the answer began; what goes wrong later ends the connection. */
async function stream(
  request: Request,
  reply: FastifyReply,
  { handler, input, logger }: { handler: AnyStreamHandler | undefined; input: object; logger: Logger },
): Promise<void> {
  if (handler === undefined) throw new Error('an operation has no handler');
  const exchange: Exchange = {
    request: request.raw,
    begin(status, headers) {
      reply.hijack();
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      return reply.raw.writeHead(status, headers);
    },
  };
  try {
    await Reflect.apply(handler, undefined, [input, exchange]);
  } catch (error) {
    if (!reply.raw.headersSent) throw error;
    const facts = { err: error, requestId: request.id, operation: operationOf(request) };
    logger.info(facts, 'an answer was broken off');
    reply.raw.destroy();
  }
}

/** The operation that a request was routed to, for the log. */
export function operationOf(request: Pick<FastifyRequest, 'routeOptions'>): string | null {
  const { config } = request.routeOptions;
  return 'operation' in config && typeof config.operation === 'string' ? config.operation : null;
}

/** Whether it was routed to an operation whose body is bytes of any length. */
export function takesBytes(request: Pick<FastifyRequest, 'routeOptions'>): boolean {
  const id = operationOf(request);
  return operationList.some(([each, operation]) => each === id && operation.bytes === true);
}

/** The methods of the operations at a path. */
export function methodsOf(url: string): string[] {
  const path = url.replace(/[?#].*$/s, '').split('/');
  const fits = (operation: Operation) => {
    const pattern = operation.path.split('/');
    return pattern.length === path.length && pattern.every((part, at) => part === path[at] || part.startsWith('{'));
  };
  return [
    ...new Set(operationList.filter(([, operation]) => fits(operation)).map(([, operation]) => operation.method)),
  ];
}

async function identify(request: Request, operation: Operation, options: RouteOptions): Promise<Identity> {
  const { dataPlaneHost, sandboxId } = addressingOf(request.raw, options.addressing);
  if (operation.auth === 'none') return null;
  if (operation.auth === 'access-token') return { access: await options.authenticator.sandbox(request.raw, sandboxId) };
  // A page that a sandbox serves under its name must not share an origin with the control plane.
  if (dataPlaneHost) throw new StandinError('not_found', "this host name is a sandbox's data plane only");
  if (operation.auth === 'session') return { request: request.raw };
  return { caller: await options.authenticator.caller(request.raw) };
}

function inputOf(request: Request, operation: Operation) {
  const { body } = request;
  // It may hold a secret: the handler gets the one reference that is left.
  request.body = undefined;
  return {
    params: paramsOf(request, operation),
    query: checked(operation.query ?? nothing, nested(decodedQuery(request))),
    body:
      operation.bytes === true
        ? undefined
        : operation.body === undefined
          ? noBody(body)
          : checked(operation.body, body),
  };
}

function noBody(body: unknown): undefined {
  if (body !== undefined) checked(nothing, body);
  return undefined;
}

/** What cannot be a name names nothing. */
function paramsOf(request: Request, operation: Operation): unknown {
  if (operation.params === undefined) return undefined;
  const result = operation.params.safeParse(request.params);
  if (!result.success) throw new StandinError('not_found', 'nothing has that name or id');
  return result.data;
}

/** What Fastify made of the query, which takes escapes that are no UTF-8 for text: a name with them would be another one. */
function decodedQuery({ query, raw }: Request): Record<string, unknown> {
  const [, text = ''] = /\?(.*)$/s.exec(raw.url ?? '') ?? [];
  try {
    decodeURIComponent(text);
  } catch {
    throw new StandinError('bad_request', 'the query must be UTF-8 with percent escapes (RFC 3986)');
  }
  return query;
}

/** `metadata.env=prod` is the member `env` of `metadata`; the rest of the name may hold further dots. */
function nested(query: Record<string, unknown>): Record<string, unknown> {
  const found: [string, unknown][] = [];
  const groups = new Map<string, [string, unknown][]>();
  for (const [name, value] of Object.entries(query)) {
    const dot = name.indexOf('.');
    if (dot < 1) {
      found.push([name, value]);
      continue;
    }
    const group = groups.get(name.slice(0, dot)) ?? [];
    group.push([name.slice(dot + 1), value]);
    groups.set(name.slice(0, dot), group);
  }
  return Object.fromEntries([...found, ...[...groups].map(([name, members]) => [name, Object.fromEntries(members)])]);
}

/** Aborts when nobody waits for the answer any more. */
function signalOf(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, stopping]);
}

function accept(
  request: Request,
  reply: FastifyReply,
  { identity, options }: { identity: Identity; options: RouteOptions },
): void {
  if (identity === null || !('access' in identity)) throw new Error('a WebSocket without an access token');
  const { vault, logger, upgrades } = options;
  upgrades.accept(request.raw, reply.raw, (socket) => {
    logger.info({ requestId: request.id, operation: operationOf(request) }, 'connected');
    void serveExecConnect(socket, { vault, access: identity.access, requestId: request.id, logger });
  });
  reply.hijack();
}
