import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { startProgram } from './processes.ts';
import type { Program } from './processes.ts';
import type { StandinServer } from './standin-server.ts';

const binary = fileURLToPath(new URL('../../bin/standin', import.meta.url));

/** The official client, connected to `standin mcp`. */
export interface McpRig {
  client: Client;
  /** Every message that came from the server, as JSON. */
  heard: string[];
  /** A tool's structured answer. Throws with its text where the tool failed. */
  call(name: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** The text of a tool that is to fail. */
  refusal(name: string, input?: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
}

/** `auto`: the newest revision of the protocol that both know; `legacy`: that of 2025, with `initialize`. */
export type Era = 'auto' | 'legacy';

export const httpToken = 'mcp-test-token-5b1f0c9d7e';

const environment = (server: StandinServer) => ({
  PATH: process.env['PATH'] ?? '',
  HOME: server.dataDir,
  STANDIN_URL: server.url,
  STANDIN_API_KEY: server.apiKey,
});

/** Starts `standin mcp` as an agent does, and connects. */
export async function overStdio(server: StandinServer, era: Era, flags: string[] = []): Promise<McpRig> {
  const settings = { command: binary, args: ['mcp', ...flags], env: environment(server), stderr: 'pipe' as const };
  return connected(new StdioClientTransport(settings), era);
}

/** `standin mcp --http`, on a free port. */
export async function startMcpHttp(
  server: StandinServer,
  flags: string[] = [],
): Promise<{ program: Program; url: string }> {
  const env = { ...environment(server), STANDIN_MCP_TOKEN: httpToken };
  const program = await startProgram(binary, ['mcp', '--http', '127.0.0.1:0', ...flags], { env });
  const [, url = ''] = await program.waitForOutput(/listens at (\S+)/);
  return { program, url };
}

export async function overHttp(url: string, era: Era): Promise<McpRig> {
  const headers = { authorization: `Bearer ${httpToken}` };
  return connected(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }), era);
}

async function connected(transport: Transport, era: Era): Promise<McpRig> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } });
  await client.connect(transport);
  const heard: string[] = [];
  const { onmessage } = transport;
  const listen: Transport['onmessage'] = (message, extra) => {
    heard.push(JSON.stringify(message));
    onmessage?.(message, extra);
  };
  Object.assign(transport, { onmessage: listen });
  const textOf = ({ content }: Awaited<ReturnType<Client['callTool']>>) =>
    content.map((each) => (each.type === 'text' ? each.text : '')).join('');
  return {
    client,
    heard,
    async call(name, input = {}) {
      const result = await client.callTool({ name, arguments: input });
      if (result.isError === true) throw new Error(`${name}: ${textOf(result)}`);
      return Object.assign({}, result.structuredContent);
    },
    async refusal(name, input = {}) {
      const result = await client.callTool({ name, arguments: input });
      if (result.isError !== true) throw new Error(`${name} was to fail, and answered ${textOf(result)}`);
      return textOf(result);
    },
    stop: () => client.close(),
  };
}
