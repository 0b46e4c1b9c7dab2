import { Sandbox } from '../client/library.ts';
import type { SandboxInfo } from '../client/library.ts';
import { ToolFailure } from './failure.ts';
import type { Call, Settings } from './tool.ts';

/** Throws where this MCP server was started for other secrets. */
export function allowSecret(name: string, { secrets }: Pick<Settings, 'secrets'>): void {
  if (secrets === undefined || secrets.includes(name)) return;
  throw new ToolFailure(
    `forbidden: this MCP server may not use the secret ${name}; secret_list shows what it may use, and its owner names more with --secret`,
  );
}

/** False for a sandbox that holds a stand-in of a secret which this MCP server may not use. */
export function mayUse({ secrets: bound }: Pick<SandboxInfo, 'secrets'>, { secrets }: Pick<Settings, 'secrets'>) {
  return secrets === undefined || bound.every(({ secretName }) => secrets.includes(secretName));
}

/** The sandbox of a call, as it is. Throws where it holds a stand-in that this MCP server may not use. */
export async function openSandbox(id: string, { server, ...settings }: Call): Promise<Sandbox> {
  const sandbox = await Sandbox.get(id, server);
  if (mayUse(sandbox, settings)) return sandbox;
  throw new ToolFailure(
    'forbidden: this sandbox is bound to a secret that this MCP server may not use; use one of sandbox_list, or sandbox_create',
  );
}
