import { readFileSync } from 'node:fs';
import { runCli } from './cli/cli.ts';
import type { ServeOptions } from './cli/command.ts';
import { loadConfig, scrubEnvironment } from './config.ts';
import { keepMemoryOutOfCoreDumps } from './core-dumps.ts';
import { lowerPriorityOfHelperThreads } from './helper-threads.ts';
import { createLogger } from './log.ts';

const version = readVersion();

/** `standin serve`: everything in one process tree, until SIGTERM or SIGINT. */
async function serve({ flags, file }: ServeOptions): Promise<void> {
  const { config } = loadConfig(flags, { file });
  scrubEnvironment();
  const log = createLogger({ level: config.logLevel, pretty: process.stderr.isTTY });
  keepMemoryOutOfCoreDumps(log);
  lowerPriorityOfHelperThreads(log);
  // Loaded here, so that the other commands start without the server.
  const { startServer } = await import('./server.ts');
  const server = await startServer(config, { version, log });
  const line = (text: string) => process.stdout.write(`${text}\n`);
  line(`standin ${version} is ready`);
  line(`  API      ${server.url}`);
  line(`  proxy    ${server.proxyUrl}`);
  line(`  driver   ${server.driver}`);
  line(`  data     ${config.dataDir}`);
  if (server.madeApiKey !== null) {
    line(`  key      ${server.madeApiKey}`);
    line('           shown once; the command line on this machine finds it by itself');
  }
  for (const problem of server.problems) log.warn(`sandboxes cannot run here: ${problem}`);
  await stopSignal();
  log.info('stopping');
  await server.stop();
}

function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once('SIGTERM', () => resolve());
  process.once('SIGINT', () => resolve());
  return promise;
}

/** What keeps bubblewrap sandboxes from running on this machine. */
async function preflight(): Promise<{ what: string; fix: string }[]> {
  const { findProblems } = await import('./sandbox/bubblewrap/preflight.ts');
  return findProblems();
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const has = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return has ? String(manifest.version) : 'unknown';
}

process.exitCode = await runCli(process.argv, { version, serve, preflight });
