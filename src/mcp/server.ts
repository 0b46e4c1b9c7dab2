import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { guide, instructions } from './guide.ts';
import { sandboxId } from './fields.ts';
import type { RegisteredTool, Settings } from './tool.ts';
import { checkTools } from './tools/checks.ts';
import { exec } from './tools/commands.ts';
import { fileTools } from './tools/files.ts';
import { networkLog } from './tools/network.ts';
import { sandboxTools } from './tools/sandboxes.ts';
import { secretTools } from './tools/secrets.ts';

const tools: readonly RegisteredTool[] = [
  ...sandboxTools,
  exec,
  ...fileTools,
  networkLog,
  ...secretTools,
  ...checkTools,
];

/** A server for one connection or one request, whatever carries it. */
export function createMcpServer(settings: Settings): McpServer {
  const server = new McpServer(
    { name: 'standin', title: 'Standin', version: settings.version },
    { instructions, capabilities: { tools: {}, resources: {}, prompts: {} } },
  );
  for (const each of tools) if (each.readOnly || !settings.readOnly) each.register(server, settings);

  server.registerResource(
    'guide',
    'standin://guide',
    {
      title: 'Working with Standin',
      description: 'What a stand-in is, and what refusals mean',
      mimeType: 'text/markdown',
    },
    ({ href }) => ({ contents: [{ uri: href, mimeType: 'text/markdown', text: guide() }] }),
  );
  server.registerPrompt(
    'why_refused',
    {
      title: 'Why was a request refused?',
      description: 'Looks at what left a sandbox and says what to change',
      argsSchema: z.object({ sandbox_id: sandboxId }),
    },
    ({ sandbox_id: id }) => ({
      messages: [
        {
          role: 'user',
          content: {
            type: 'text',
            text: `Look at network_log of the sandbox ${id}. Say for each refused request which rule or binding refused it, and what to change. Do not ask for the value of a secret.`,
          },
        },
      ],
    }),
  );
  return server;
}
