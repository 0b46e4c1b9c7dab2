import { z } from 'zod';
import { Provider, Secret } from '../../client/library.ts';
import { allowSecret, openSandbox } from '../allowed.ts';
import { envKey, sandboxId, secretName } from '../fields.ts';
import { tool } from '../tool.ts';
import type { RegisteredTool } from '../tool.ts';

const list = tool({
  name: 'secret_list',
  title: 'List secrets by name',
  description:
    'The secrets that can be bound to a sandbox: names and the hosts they may go to. Values cannot be read by anybody; a person stores one with `standin secret create`.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({}),
  output: z.object({
    secrets: z.array(
      z.object({
        name: z.string(),
        hosts: z.array(z.string()),
        auth_type: z.string(),
        provider: z.string().optional(),
        last_used_at: z.string().optional(),
      }),
    ),
  }),
  async run(_input, { server, secrets }) {
    const found = await Secret.list(server);
    return {
      secrets: found
        .filter(({ name }) => secrets === undefined || secrets.includes(name))
        .map(({ name, hosts, authType, providerShortcut, lastUsedAt }) => ({
          name,
          hosts,
          auth_type: authType,
          provider: providerShortcut,
          last_used_at: lastUsedAt?.toISOString(),
        })),
    };
  },
});

const attach = tool({
  name: 'secret_attach',
  title: 'Bind a secret to a sandbox',
  description: 'Binds a secret to a variable of a sandbox: commands started from now on see its stand-in there.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId, env_key: envKey, secret_name: secretName }),
  output: z.object({ sandbox_id: z.string(), env_key: z.string(), secret_name: z.string() }),
  async run({ sandbox_id: id, env_key: key, secret_name: name }, call) {
    allowSecret(name, call);
    await (await openSandbox(id, call)).attachSecret(key, name);
    return { sandbox_id: id, env_key: key, secret_name: name };
  },
});

const detach = tool({
  name: 'secret_detach',
  title: 'Unbind a secret from a sandbox',
  description: 'Unbinds a variable of a sandbox: its stand-in stops working at once, also for commands that run.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  input: z.object({ sandbox_id: sandboxId, env_key: envKey }),
  output: z.object({ sandbox_id: z.string(), env_key: z.string(), detached: z.boolean() }),
  async run({ sandbox_id: id, env_key: key }, call) {
    await (await openSandbox(id, call)).detachSecret(key);
    return { sandbox_id: id, env_key: key, detached: true };
  },
});

const providers = tool({
  name: 'provider_list',
  title: 'List known services',
  description:
    'The services whose hosts and header forms Standin knows, by the name that `standin secret create` takes.',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({ search: z.string().max(64).optional().describe('Only those whose name, title or host has this') }),
  output: z.object({
    providers: z.array(
      z.object({ name: z.string(), display: z.string(), auth_type: z.string(), hosts: z.array(z.string()) }),
    ),
  }),
  async run({ search }, { server }) {
    const wanted = search?.toLowerCase() ?? '';
    const found = await Provider.list(server);
    return {
      providers: found
        .filter(({ name, display, hosts }) =>
          [name, display, ...hosts].some((text) => text.toLowerCase().includes(wanted)),
        )
        .map(({ name, display, authType, hosts }) => ({ name, display, auth_type: authType, hosts })),
    };
  },
});

export const secretTools: readonly RegisteredTool[] = [list, attach, detach, providers];
