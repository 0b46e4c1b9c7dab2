import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { endSandboxesOf } from './end-sandboxes.ts';
import { freePorts } from './ports.ts';
import { startProgram, waitUntil } from './processes.ts';
import type { Program, ProgramEnd } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

/** The real server, `bin/standin serve`, as a process of its own. */
export interface StandinServer {
  /** Base URL of the control plane. */
  url: string;
  apiKey: string;
  proxyPort: number;
  dataDir: string;
  program: Program;
  /** Speaks the API with the first key, which is an operator's. */
  client: Client;
  /** SIGTERM, and removes the data directory where it made it. */
  stop(): Promise<ProgramEnd>;
  /** SIGKILL; the data directory stays until `stop`. */
  kill9(): Promise<void>;
}

export interface StandinServerOptions {
  /** Settings, as environment variables. */
  env?: Record<string, string>;
  /** An existing data directory, which stays: for restarts. */
  dataDir?: string;
  /** Of the first start in that directory. */
  apiKey?: string;
  /** A command that runs the server, such as `taskset -c 0`. */
  launcher?: string[];
}

const binary = fileURLToPath(new URL('../../bin/standin', import.meta.url));

/** Starts it on free loopback ports; resolves when `GET /health` answers 200. Throws with its output where it ends. */
export async function startStandin(options: StandinServerOptions = {}): Promise<StandinServer> {
  const ownDirectory = options.dataDir === undefined ? temporaryDirectory('data') : undefined;
  const dataDir = options.dataDir ?? ownDirectory?.path ?? '';
  const { program, apiKey, url, proxyPort } = await launchStandin({ ...options, dataDir });
  try {
    await waitUntil(() => healthy(url, program), { what: 'the server to answer /health', withinMs: 90_000 });
  } catch (error) {
    await program.stop('SIGKILL');
    ownDirectory?.remove();
    throw new Error(`standin serve did not start: ${program.stderr() || program.stdout()}`, { cause: error });
  }
  return {
    url,
    apiKey,
    proxyPort,
    dataDir,
    program,
    client: createClient({ baseUrl: url, apiKey }),
    stop: async () => {
      const end = await program.stop('SIGTERM', { graceMs: 20_000 });
      if (ownDirectory !== undefined) {
        await endSandboxesOf(dataDir);
        ownDirectory.remove();
      }
      return end;
    },
    kill9: async () => {
      await program.stop('SIGKILL');
    },
  };
}

/**
 * Starts it where it is not to start: resolves when it ended. Where it does come up it is stopped, and its end is then
 * that of a server that was.
 */
export async function runStandinToItsEnd(
  options: StandinServerOptions & { dataDir: string },
): Promise<ProgramEnd & { stdout: string; stderr: string }> {
  const { program } = await launchStandin(options);
  const up = program.waitForOutput(/ is ready\n/, { withinMs: 60_000 }).then(() => program.stop());
  const end = await Promise.race([program.ended, up.catch(() => program.stop('SIGKILL'))]);
  return { ...end, stdout: program.stdout(), stderr: program.stderr() };
}

/** Starts the process, on free loopback ports, and does not wait for anything. */
export async function launchStandin(
  options: StandinServerOptions & { dataDir: string },
): Promise<{ program: Program; apiKey: string; url: string; proxyPort: number }> {
  const [apiPort = 0, proxyPort = 0] = await freePorts(2);
  const apiKey = options.apiKey ?? `test_${randomBytes(24).toString('hex')}`;
  const [command, ...args] = [...(options.launcher ?? []), binary, 'serve'];
  const program = await startProgram(command, args, {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: options.dataDir,
      STANDIN_DATA_DIR: options.dataDir,
      STANDIN_API_LISTEN: `127.0.0.1:${apiPort}`,
      STANDIN_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
      STANDIN_BOOTSTRAP_API_KEY: apiKey,
      STANDIN_EGRESS_WORKERS: '1',
      STANDIN_LOG_LEVEL: 'warn',
      ...options.env,
    },
  });
  return { program, apiKey, url: `http://127.0.0.1:${apiPort}`, proxyPort };
}

async function healthy(url: string, program: Program): Promise<boolean> {
  if (program.child.exitCode !== null || program.child.signalCode !== null) throw new Error('it ended');
  try {
    const response = await fetch(`${url}/health`);
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
