import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { createMcpServer } from './server.ts';
import type { Settings } from './tool.ts';

/** Serves one client over a pair of pipes; resolves when its input ended or `signal` aborted. */
export async function serveOverStdio(
  settings: Settings,
  { stdin, stdout, signal }: { stdin: Readable; stdout: Writable; signal: AbortSignal },
): Promise<void> {
  const over = Promise.withResolvers<void>();
  for (const event of ['end', 'close'] as const) stdin.once(event, () => over.resolve());
  signal.addEventListener('abort', () => over.resolve(), { once: true });
  const serving = serveStdio(() => createMcpServer(settings), { transport: new StdioServerTransport(stdin, stdout) });
  await over.promise;
  await serving.close();
}
