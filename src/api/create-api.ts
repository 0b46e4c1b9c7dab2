import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { StandinError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Vault } from '../vault/types.ts';
import { addressingOf } from './addressing.ts';
import { createAuthenticator } from './authentication.ts';
import { activityHandlers } from './handlers/activity.ts';
import { apiKeyHandlers } from './handlers/api-keys.ts';
import { auditHandlers } from './handlers/audit.ts';
import { execHandlers } from './handlers/exec.ts';
import { sandboxHandlers } from './handlers/sandboxes.ts';
import { secretHandlers } from './handlers/secrets.ts';
import { requestStreamHandlers } from './handlers/request-streams.ts';
import { secretListHandlers } from './handlers/secret-lists.ts';
import { sessionHandlers } from './handlers/sessions.ts';
import { previewHandlers } from './handlers/previews.ts';
import { streamHandlers } from './handlers/streams.ts';
import { systemHandlers } from './handlers/system.ts';
import type { SystemFacts } from './handlers/system.ts';
import { webhookHandlers } from './handlers/webhooks.ts';
import { Previews } from './previews.ts';
import { problemOf } from './problems.ts';
import type { Problem } from './problems.ts';
import { writeRefusal } from './raw-refusal.ts';
import type { StreamLimits } from './request-stream.ts';
import { addRoutes, methodsOf, operationOf, takesBytes } from './routes.ts';
import { Sites } from './sites.ts';
import type { SiteOptions } from './sites.ts';
import { parseStrictJson } from './strict-json.ts';
import { Upgrades } from './upgrades.ts';

export interface ApiOptions extends SystemFacts {
  vault: Vault;
  logger: Logger;
  /** `boxd-<sandbox id>.<this>` is a sandbox's data plane. */
  dataplaneDomain: string;
  /** Names beside the loopback ones by which a listener on a loopback address may be called. */
  hosts?: readonly string[];
  /** What people look at in a browser. */
  sites?: SiteOptions;
  /** How long a stopping server waits for what is under way, in milliseconds. */
  drainMs?: number;
  /** Of `GET /requests/stream`. */
  requestStreams?: Partial<StreamLimits>;
  /** How long a client may take to send a request that is no upload, in milliseconds. */
  requestTimeoutMs?: number;
}

/** For another listener, such as the data plane's own with TLS: `listener`, and `upgrades.listen(server, api)`. */
export type Api = FastifyInstance & { upgrades: Upgrades; listener: RequestListener };

const bodyLimit = 64 * 1024;

/** How long a client may take to send its head, and the whole request. */
const headersTimeout = 10_000;
const defaultRequestTimeoutMs = 30_000;
const keepAliveTimeout = 75_000;

const defaultDrainMs = 5000;

/**
 * The HTTP server of the control plane, and of the data plane by header; the caller lets it listen. For another
 * listener see `Api`.
 *
 * It logs one line a request, with the operation's name: no body, header, path or query. Files of the sites and looks at
 * its health are logged for debugging alone.
 */
export function createApi(options: ApiOptions): Api {
  const { vault, logger } = options;
  const sites = new Sites(options.sites ?? {});
  const previews = new Previews({ vault, logger, domain: options.dataplaneDomain });
  const upgrades = new Upgrades(previews);
  const stopping = new AbortController();
  const app = fastify({
    logger: false,
    bodyLimit,
    // Uploads take as long as they move: `limitTime` sees to the others.
    requestTimeout: 0,
    // Longer than clients keep theirs: one that is closed while a request is on its way costs them that request.
    keepAliveTimeout,
    // A published port of a sandbox is none of our paths.
    serverFactory: (handler) => {
      const settings = { headersTimeout, requestTimeout: 0, keepAliveTimeout };
      const shouldUpgradeCallback = (request: IncomingMessage) => upgrades.wanted(request);
      return createServer({ ...settings, shouldUpgradeCallback }, (request, response) => {
        const place = previews.placeOf(request);
        if (place === null) handler(request, response);
        else void previews.serve(place, request, response);
      });
    },
    genReqId: () => randomUUID(),
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, request, reply) => {
      harden(reply, request.id);
      refuse(reply, problemOf(error, request.id));
    },
    clientErrorHandler: (_error, socket) => {
      writeRefusal(socket, 'bad_request', 'this is no HTTP request, or its head is too long or too slow');
    },
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    try {
      done(null, body.length === 0 ? undefined : parseStrictJson(body));
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body was not parsed', { cause: error }));
    }
  });

  app.addHook('onRequest', async (request, reply) => {
    harden(reply, request.id);
    addressingOf(request.raw, addressing);
    if (!takesBytes(request)) limitTime(request.raw, reply.raw, options.requestTimeoutMs ?? defaultRequestTimeoutMs);
  });
  app.addHook('onSend', async (_request, reply) => {
    // A connection kept alive would keep a stopping server.
    if (stopping.signal.aborted) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    const line = {
      requestId: request.id,
      operation: operationOf(request),
      status: reply.statusCode,
      ms: reply.elapsedTime,
    };
    // What is no operation and was there is a file of the console or the documentation: a page has dozens.
    const isFile = line.operation === null && line.status < 400;
    logger[isFile || line.operation === 'getHealth' ? 'debug' : 'info'](line, 'request');
  });
  app.addHook('preClose', async () => {
    stopping.abort();
    upgrades.close();
    previews.close();
    // A head that never ends would keep the server: once it closes, Node no longer looks at its own time limits.
    setTimeout(() => app.server.closeAllConnections(), options.drainMs ?? defaultDrainMs).unref();
  });

  app.setErrorHandler((error, request, reply) => {
    const answer = problemOf(error, request.id);
    const facts = { err: error, requestId: request.id, operation: operationOf(request) };
    if (request.raw.destroyed && !request.raw.complete) logger.info(facts, 'a client broke its request off');
    else if (answer.status >= 500 && answer.status !== 501) logger.error(facts, 'request failed');
    refuse(reply, answer);
  });
  app.setNotFoundHandler(async (request, reply) => {
    const page = await sites.answer(request.raw, addressingOf(request.raw, addressing).dataPlaneHost);
    if (page !== null) return reply.code(page.status).headers(page.headers).send(page.body);
    const methods = methodsOf(request.url);
    if (methods.length > 0) reply.header('allow', methods.join(', '));
    const hint = methods.length > 0 ? `this path takes ${methods.join(', ')}` : 'GET /openapi.json lists what there is';
    refuse(reply, problemOf(new StandinError('not_found', `there is no such operation: ${hint}`), request.id));
    return reply;
  });

  const authenticator = createAuthenticator(vault);
  const addressing = { dataplaneDomain: options.dataplaneDomain, hosts: options.hosts ?? [] };
  addRoutes(app, {
    handlers: {
      ...systemHandlers(options),
      ...secretHandlers(vault),
      ...sandboxHandlers(vault),
      ...apiKeyHandlers(vault),
      ...webhookHandlers(vault),
      ...auditHandlers(vault),
      ...execHandlers(vault),
      ...previewHandlers(vault),
      ...activityHandlers(vault),
      ...secretListHandlers(vault),
      ...sessionHandlers(vault, authenticator),
    },
    streams: {
      ...streamHandlers(vault),
      ...requestStreamHandlers(vault, { authenticator, limits: options.requestStreams }),
    },
    authenticator,
    addressing,
    stopping: stopping.signal,
    upgrades,
    vault,
    logger,
  });
  upgrades.listen(app.server, app);
  const listener: RequestListener = (request, response) => {
    const place = previews.placeOf(request);
    if (place === null) app.routing(request, response);
    else void previews.serve(place, request, response);
  };
  return Object.assign(app, { upgrades, listener });
}

/** Ends a request that is not there as a whole in time; one that is there may be answered for as long as it takes. */
function limitTime(request: IncomingMessage, response: ServerResponse, timeoutMs: number): void {
  // Without content nobody reads it to its end, which it has come to all the same.
  const timer = setTimeout(() => {
    if (request.complete) return;
    if (response.headersSent) request.socket.destroy();
    else writeRefusal(request.socket, 'bad_request', 'the request took too long');
  }, timeoutMs);
  timer.unref();
  request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}

function harden(reply: FastifyReply, requestId: string): void {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
  });
}

function refuse(reply: FastifyReply, { status, headers, body }: Problem): void {
  void reply.code(status).headers(headers).send(body);
}
