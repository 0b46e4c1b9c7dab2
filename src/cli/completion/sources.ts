import type { Client, Sandbox } from '../../client/client.ts';
import { loadConfig } from '../../config.ts';
import { agents } from '../agents/agents.ts';
import type { Cli } from '../command.ts';
import { findSandbox } from '../near.ts';
import { printable } from '../text.ts';
import type { Typed } from '../typed.ts';
import type { Ask, Candidate } from './complete.ts';

/** Somebody waits at the keyboard. */
const withinMs = 1000;
/** A name that no shell reads as anything else. Others are offered by their id. */
const plainName = /^[\w.@+-]+$/;

type Name = Parameters<Ask>[0];

interface Asked {
  client: () => Client;
  cli: Cli;
  typed: Typed;
}

const table: Record<Name, (asked: Asked) => Candidate[] | Promise<Candidate[]>> = {
  secrets: async ({ client }) =>
    (await client().secrets.list()).map(({ name, provider_shortcut: provider, hosts }) =>
      described(name, provider ?? hosts.join(', ')),
    ),
  sandboxes: async ({ client }) => sandboxes(await client().sandboxes.list(), ''),
  places: async ({ client }) => sandboxes(await client().sandboxes.list(), ':/'),
  bound: async ({ client, typed }) => bound(client(), typed.args[0] ?? ''),
  providers: async ({ client }) =>
    (await client().providers.list()).map(({ name, display }) => described(name, display)),
  keys: async ({ client }) => (await client().keys.list()).map(({ id, name }) => described(id, name)),
  webhooks: async ({ client }) => (await client().webhooks.list()).map(({ id, url }) => described(id, url)),
  drivers: () => words(['bubblewrap', 'gvisor', 'external']),
  templates: ({ cli }) =>
    words(['base', ...loadConfig({}, { env: cli.io.env }).config.templates.map(({ name }) => name)]),
  environment: ({ cli }) => words(Object.keys(cli.io.env).toSorted()),
  variables: () => words(new Set(agents.flatMap(({ keys }) => keys.map(({ variable }) => `${variable}=`)))),
  commands: () => agents.map(({ name, display }) => described(name, display)),
};

/** Asks the server and this machine; what cannot be had in time is nothing. */
export function createAsk(cli: Cli): Ask {
  return async (source, typed) => {
    try {
      return await table[source]({ cli, typed, client: () => cli.connect({ withinMs }) });
    } catch {
      return [];
    }
  };
}

/** By name where a shell and `findSandbox` both take it for one sandbox, else by id. */
function sandboxes(all: readonly Sandbox[], suffix: string): Candidate[] {
  return all.map(({ id, name, status }) => {
    const isPlain = plainName.test(name) && all.filter((other) => other.name === name).length === 1;
    return isPlain ? described(`${name}${suffix}`, status) : described(`${id}${suffix}`, `${name}, ${status}`);
  });
}

async function bound(client: Client, named: string): Promise<Candidate[]> {
  const { secrets } = await client.sandboxes.get(await findSandbox(client, named));
  return secrets.map((each) => described(each.env_key, each.secret_name));
}

function described(value: string, description: string): Candidate {
  return { value, description: printable(description) };
}

function words(values: Iterable<string>): Candidate[] {
  return Array.from(values, (value) => ({ value }));
}
