import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { createMcpServer } from './server.ts';
import type { Settings } from './tool.ts';

interface Session {
  transport: WebStandardStreamableHTTPServerTransport;
  usedAt: number;
}

/** More at once are for a program that forgets to end its own; the one that was idle for longest goes. */
const mostSessions = 64;
const idleMs = 30 * 60_000;

/** Clients of the 2025 revisions of the protocol, which begin with `initialize` and keep a session. */
export class Sessions {
  readonly #settings: Settings;
  readonly #sessions = new Map<string, Session>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Answers one request: of a session that it names, or the first of a new one. */
  async handle(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    const known = id === null ? undefined : this.#sessions.get(id);
    if (known !== undefined) {
      known.usedAt = Date.now();
      return known.transport.handleRequest(request);
    }
    // MCP, transports: 404 tells the client to begin anew.
    if (id !== null) return Response.json(unknownSession, { status: 404 });
    return (await this.#open()).handleRequest(request);
  }

  async close(): Promise<void> {
    await this.#end([...this.#sessions.keys()]);
  }

  async #end(ids: string[]): Promise<void> {
    const ending = ids.map(async (id) => {
      const session = this.#sessions.get(id);
      this.#sessions.delete(id);
      await session?.transport.close();
    });
    await Promise.all(ending);
  }

  async #open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: async (id) => {
        this.#sessions.set(id, { transport, usedAt: Date.now() });
        await this.#makeRoom();
      },
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    await createMcpServer(this.#settings).connect(transport);
    return transport;
  }

  async #makeRoom(): Promise<void> {
    const byUse = [...this.#sessions].toSorted(([, one], [, other]) => one.usedAt - other.usedAt);
    const over = byUse.length - mostSessions;
    const ending = byUse.filter(([, { usedAt }], index) => index < over || Date.now() - usedAt > idleMs);
    await this.#end(ending.map(([id]) => id));
  }
}

const unknownSession = {
  jsonrpc: '2.0',
  error: { code: -32_001, message: 'this session is over: begin a new one with initialize' },
  id: null,
};
