import { randomBytes } from 'node:crypto';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { addCommand, repeatable } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { findServer } from '../find-server.ts';
import { wrongUsage } from '../failure.ts';

interface McpOptions extends CommonOptions {
  http?: { host: string; port: number };
  allowName?: string[];
  readOnly?: boolean;
  secret?: string[];
}

const shortestToken = 16;

/** `standin mcp`: the tools of an agent, over its own pipes or over HTTP. */
export function addMcpCommand(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'mcp',
    summary: 'serve the Model Context Protocol, for coding agents',
    examples: [
      ['standin mcp', 'over stdin and stdout, as agents start it'],
      ['standin mcp --secret github-bot', 'with no other secret'],
      ['standin mcp --http 127.0.0.1:8790', 'over HTTP, for the bearer token in STANDIN_MCP_TOKEN'],
    ],
  })
    .addOption(new Option('--http <address>', 'serve HTTP at a loopback address and port').argParser(loopback))
    .addOption(repeatable('--allow-name <name>', 'a host name of a TLS proxy before it; with --http'))
    .option('--read-only', 'only tools that change nothing')
    .addOption(repeatable('-s, --secret <name>', 'a secret that it may see and bind; default: all of the team'))
    .action(async ({ http, allowName, readOnly, secret, json }: McpOptions) => {
      if (json === true) throw wrongUsage('what it says is JSON as it is', 'leave --json out');
      if (http === undefined && allowName !== undefined) throw wrongUsage('--allow-name is for --http');
      const { url, apiKey } = findServer(cli.io);
      const token = http === undefined ? undefined : tokenOf(cli);
      const settings = {
        connection: { baseUrl: url, apiKey },
        version: cli.deps.version,
        readOnly: readOnly === true,
        secrets: secret,
        ownCredentials: token === undefined ? [apiKey] : [apiKey, token.text],
      };
      const { signal } = stopped();
      const { stdin, stdout, stderr } = cli.io;
      if (http === undefined || token === undefined) {
        if (stdin.isTTY) stderr.write('standin mcp speaks to a program, not to a person: docs/agents.md has how\n');
        const { serveOverStdio } = await import('../../mcp/stdio.ts');
        return serveOverStdio(settings, { stdin, stdout, signal });
      }
      const { serveOverHttp } = await import('../../mcp/http.ts');
      const serving = await serveOverHttp(settings, { ...http, token: token.text, names: allowName ?? [] });
      stderr.write(`standin mcp listens at ${serving.url}\n`);
      if (token.made) stderr.write(`  token    ${token.text}\n           set STANDIN_MCP_TOKEN for one that stays\n`);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return serving.close();
    });
}

/** What clients send: the person's own, or one for this run. */
function tokenOf({ io }: Cli): { text: string; made: boolean } {
  const given = io.env['STANDIN_MCP_TOKEN'];
  if (given === undefined || given === '') return { text: randomBytes(32).toString('base64url'), made: true };
  if (given.length < shortestToken) {
    throw wrongUsage(
      `STANDIN_MCP_TOKEN is shorter than ${shortestToken} characters`,
      'make one with `openssl rand -hex 32`',
    );
  }
  return { text: given, made: false };
}

/** Aborts at SIGINT or SIGTERM. */
function stopped(): { signal: AbortSignal } {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller;
}

function loopback(text: string): { host: string; port: number } {
  const match = /^(127(?:\.\d{1,3}){3}|localhost|\[::1\]):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_535) {
    throw new InvalidArgumentError(
      'must be a loopback address and port such as 127.0.0.1:8790; for other machines put a TLS proxy before it',
    );
  }
  return { host: match[1].replaceAll(/[[\]]/g, ''), port };
}
