import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  originValidationResponse,
} from '@modelcontextprotocol/server';
import { createMcpServer } from './server.ts';
import { Sessions } from './sessions.ts';
import type { Settings } from './tool.ts';

/** Where and for whom it listens. */
export interface HttpOptions {
  /** A loopback address. */
  host: string;
  port: number;
  /** What clients send as `Authorization: Bearer`. */
  token: string;
  /** Names beside the loopback ones by which it may be called: those of a TLS proxy before it. */
  names: readonly string[];
}

/** A running server. */
export interface HttpServing {
  /** With the path, as a client's configuration takes it. */
  url: string;
  close(): Promise<void>;
}

const path = '/mcp';
const requestTimeout = 60_000;

/**
 * Serves streamable HTTP at `/mcp`: the revision of 2026 without sessions, those of 2025 with. Before anything is read of a
 * request, its Host and Origin are judged (a web page may have made a browser send it) and its token.
 */
export async function serveOverHttp(settings: Settings, options: HttpOptions): Promise<HttpServing> {
  const sessions = new Sessions(settings);
  const modern = createMcpHandler(() => createMcpServer(settings), { legacy: 'reject' });
  const names = [...localhostAllowedHostnames(), ...options.names];

  async function answer(request: Request): Promise<Response> {
    const refused = hostHeaderValidationResponse(request, names) ?? originValidationResponse(request, names);
    if (refused !== undefined) return refused;
    if (!isToken(request.headers.get('authorization'), options.token)) return unauthorized();
    if (new URL(request.url).pathname !== path) return Response.json({ error: `it is at ${path}` }, { status: 404 });
    return (await isLegacyRequest(request)) ? sessions.handle(request) : modern.fetch(request);
  }

  const server = createServer({ requestTimeout }, (incoming, outgoing) => {
    void respond(incoming, outgoing, answer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}${path}`,
    close: async () => {
      await Promise.all([sessions.close(), modern.close()]);
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function respond(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: (request: Request) => Promise<Response>,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  try {
    const response = await answer(requestOf(incoming, gone.signal));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) outgoing.end();
    else await pipeline(Readable.fromWeb(response.body), outgoing);
  } catch {
    // The client went away, or sent what is no request.
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(400).end();
  }
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = 'GET', headers } = incoming;
  const given = Object.entries(headers).map(([name, value]): [string, string] => [name, [value].flat().join(', ')]);
  const init: RequestInit & { duplex?: 'half' } = { method, headers: given, signal };
  if (method !== 'GET' && method !== 'HEAD') {
    init.body = Readable.toWeb(incoming);
    init.duplex = 'half';
  }
  // The host is judged by its header.
  return new Request(new URL(incoming.url ?? '/', 'http://localhost'), init);
}

function isToken(header: string | null, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`));
}

function unauthorized(): Response {
  const message = 'send Authorization: Bearer with the token that `standin mcp --http` printed, or STANDIN_MCP_TOKEN';
  return Response.json({ error: message }, { status: 401, headers: { 'www-authenticate': 'Bearer realm="standin"' } });
}
