import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../client/client.ts';
import type { Client } from '../../client/client.ts';
import { CliFailure } from '../failure.ts';
import { listenOnLoopback } from './loopback.ts';
import type { ReceivedRequest, UpstreamOrder, UpstreamReport } from './upstream.ts';

type Self = readonly [string, ...string[]];

/** The upstream, as the demo sees it from its own process. */
export interface UpstreamProcess extends AsyncDisposable {
  pid: number;
  port: number;
  /** The root that vouches for it. */
  certPem: string;
  /** In the order in which they were answered. */
  received: ReceivedRequest[];
}

/** Starts the upstream in a process of its own. */
export async function startUpstream(self: Self, order: UpstreamOrder): Promise<UpstreamProcess> {
  const [program, ...args] = self;
  const child = spawn(program, [...args, 'demo', '--as-upstream'], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const stderr = collect(child);
  const received: ReceivedRequest[] = [];
  const ready = new Promise<{ port: number; certPem: string }>((resolve, reject) => {
    child.on('message', (report: UpstreamReport) => {
      if (report.kind === 'ready') resolve(report);
      else received.push(report.request);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new CliFailure(`the upstream of the demo did not start (${stderr()})`)));
  });
  child.send(order);
  const { port, certPem } = await ready;
  return { pid: child.pid ?? 0, port, certPem, received, [Symbol.asyncDispose]: () => end(child) };
}

/** A server of its own, with its data below `dataDir`. */
export interface ServerProcess extends AsyncDisposable {
  pid: number;
  client: Client;
}

/** Starts `standin serve` with nothing of the caller's settings, and waits until it answers. */
export async function startServer(
  self: Self,
  options: { dataDir: string; apiKey: string; settings: Record<string, string>; path: string },
): Promise<ServerProcess> {
  const [apiPort, proxyPort] = await freePorts();
  const [program, ...args] = self;
  const child = spawn(program, [...args, 'serve'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: options.path,
      HOME: options.dataDir,
      STANDIN_DATA_DIR: options.dataDir,
      STANDIN_API_LISTEN: `127.0.0.1:${apiPort}`,
      STANDIN_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
      STANDIN_BOOTSTRAP_API_KEY: options.apiKey,
      STANDIN_EGRESS_WORKERS: '1',
      STANDIN_LOG_LEVEL: 'error',
      ...options.settings,
    },
  });
  const stderr = collect(child);
  const client = createClient({ baseUrl: `http://127.0.0.1:${apiPort}`, apiKey: options.apiKey });
  try {
    await until(() => isHealthy(client, child), { withinMs: 30_000 });
  } catch (error) {
    await end(child);
    throw new CliFailure(`the server of the demo did not start: ${stderr()}`, {
      fix: 'run `standin doctor`',
      cause: error,
    });
  }
  return { pid: child.pid ?? 0, client, [Symbol.asyncDispose]: () => end(child) };
}

/** Asks again every 20 ms until it is so. Throws after `withinMs`. */
export async function until(condition: () => Promise<boolean>, { withinMs }: { withinMs: number }): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new CliFailure(`waited ${withinMs / 1000} s in vain`);
    await delay(20);
  }
}

async function isHealthy(client: Client, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) throw new CliFailure('it ended');
  try {
    await client.health();
    return true;
  } catch {
    return false;
  }
}

/** SIGTERM, and SIGKILL for one that has not gone 10 s later. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

/** The end of what it writes to stderr, on one line. */
function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-2000);
  });
  return () => text.trim().split('\n').slice(-3).join(' | ') || 'it said nothing';
}

/** Two loopback ports that nothing listens on now. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports: [number, number] = [await listenOnLoopback(servers[0]), await listenOnLoopback(servers[1])];
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
