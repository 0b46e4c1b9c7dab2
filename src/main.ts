import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { runCli } from './cli/cli.ts';
import type { ServeOptions } from './cli/command.ts';
import { describeConfig, loadConfig, scrubEnvironment } from './config.ts';
import { keepMemoryOutOfCoreDumps } from './core-dumps.ts';
import { lowerPriorityOfHelperThreads } from './helper-threads.ts';
import type { Config } from './config-settings.ts';
import { codeCacheOf, prepareDataDir } from './data-dir.ts';
import { createLogger } from './log.ts';
import type { RunningServer } from './server.ts';

const version = readVersion();

/** `standin serve`: everything in one process tree, until SIGTERM or SIGINT. */
async function serve({ flags, file, json }: ServeOptions): Promise<void> {
  const loaded = loadConfig(flags, { file });
  const { config } = loaded;
  scrubEnvironment();
  const log = createLogger({ level: config.logLevel, pretty: process.stderr.isTTY });
  keepMemoryOutOfCoreDumps(log);
  lowerPriorityOfHelperThreads(log);
  prepareDataDir(config.dataDir);
  enableCompileCache(codeCacheOf(config.dataDir));
  // Loaded here, so that the other commands start without the server.
  const { startServer } = await import('./server.ts');
  const server = await startServer(config, { version, log, settings: () => describeConfig(loaded) });
  process.stdout.write(json ? readyJson(server, config.dataDir) : readyText(server, config));
  for (const problem of server.problems) log.warn(`sandboxes cannot run here: ${problem}`);
  await stopSignal();
  log.info('stopping');
  await server.stop();
}

type Ready = Pick<RunningServer, 'url' | 'proxyUrl' | 'driver' | 'madeApiKey'>;

function readyText({ url, proxyUrl, driver, madeApiKey }: Ready, config: Pick<Config, 'dataDir' | 'console'>): string {
  const lines = [
    `standin ${version} is ready`,
    `  API      ${url}`,
    ...(config.console ? [`  console  ${url}/`] : []),
    `  proxy    ${proxyUrl}`,
    `  driver   ${driver}`,
    `  data     ${config.dataDir}`,
  ];
  if (madeApiKey !== null) {
    lines.push(`  key      ${madeApiKey}`);
    lines.push('           shown once; the command line on this machine finds it by itself');
  }
  return `${lines.join('\n')}\n`;
}

/** One line, for a supervisor: `api_key` is null but at the first start. */
function readyJson({ url, proxyUrl, driver, madeApiKey }: Ready, dataDir: string): string {
  return `${JSON.stringify({ version, url, proxy_url: proxyUrl, driver, data_dir: dataDir, api_key: madeApiKey })}\n`;
}

function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once('SIGTERM', () => resolve());
  process.once('SIGINT', () => resolve());
  return promise;
}

/** What keeps sandboxes of a driver from running on this machine. */
async function preflight(driver: 'bubblewrap' | 'gvisor'): Promise<{ what: string; fix: string; missing?: string }[]> {
  const { findProblems } =
    driver === 'gvisor'
      ? await import('./sandbox/gvisor/preflight.ts')
      : await import('./sandbox/bubblewrap/preflight.ts');
  return findProblems();
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const has = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return has ? String(manifest.version) : 'unknown';
}

process.exitCode = await runCli(process.argv, { version, serve, preflight });
