import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { createClient } from '../client/client.ts';
import { ApiError } from '../client/errors.ts';
import { loadConfig } from '../config.ts';
import type { Config } from '../config-settings.ts';
import type { CliDeps } from './command.ts';
import { explain } from './explain.ts';
import { findServer, isThisMachine } from './find-server.ts';
import type { ServerAddress } from './find-server.ts';
import type { Io } from './io.ts';

/** One thing that was looked at. `warn`: it works, but not all of it or not safely. */
export interface Check {
  verdict: 'ok' | 'warn' | 'fail';
  what: string;
  found: string;
  /** What to do; null where nothing is wrong. */
  fix: string | null;
}

/** A client whose clock is further off finds certificates not yet, or no longer, valid. */
const mostSkewSeconds = 60;

/** Looks at this machine, then at the server that the command line would talk to. */
export async function diagnose(io: Io, deps: CliDeps): Promise<Check[]> {
  const { config } = loadConfig({}, { env: io.env });
  const machine = [checkNode(), ...(await checkSandboxes(deps)), checkDataDir(config)];
  let server: ServerAddress;
  try {
    server = findServer(io);
  } catch (error) {
    return [...machine, failure('server', error)];
  }
  return [...machine, ...(await checkServer(server, config, deps))];
}

function checkNode(): Check {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major >= 26) return ok('node', process.version);
  return warn(
    'node',
    `${process.version} is older than what Standin is tested with`,
    'run `npm ci`, which brings Node 26',
  );
}

async function checkSandboxes(deps: CliDeps): Promise<Check[]> {
  const problems = await deps.preflight();
  if (problems.length === 0) return [ok('sandboxes', 'this machine can run them')];
  return problems.map(({ what, fix }) => warn('sandboxes', what, `${fix} (until then: --driver external)`));
}

function checkDataDir({ dataDir }: Config): Check {
  const found = statSync(dataDir, { throwIfNoEntry: false });
  if (found === undefined) return warn('data dir', `${dataDir} is not there`, 'the first `standin serve` makes it');
  if (!found.isDirectory()) return fail('data dir', `${dataDir} is not a directory`, 'set STANDIN_DATA_DIR');
  if ((found.mode & 0o077) !== 0) {
    return fail('data dir', `${dataDir} is open to other users`, `run chmod 700 ${dataDir}`);
  }
  return ok('data dir', dataDir);
}

async function checkServer(server: ServerAddress, config: Config, deps: CliDeps): Promise<Check[]> {
  const client = createClient({ baseUrl: server.url, apiKey: server.apiKey });
  const checks: Check[] = [];
  try {
    const { version } = await client.health();
    checks.push(
      version === deps.version
        ? ok('server', `${server.url} answers, version ${version}`)
        : warn('server', `${server.url} is version ${version}, this is ${deps.version}`, 'update the older one'),
    );
  } catch (error) {
    return [failure('server', error, server)];
  }
  if (server.url.startsWith('http:') && !isThisMachine(server.url)) {
    checks.push(
      warn('transport', `${server.url} is cleartext: keys can be read on the way`, 'put TLS in front, or use a tunnel'),
    );
  }
  checks.push(await checkClock(server.url));
  try {
    await client.secrets.list();
    checks.push(ok('API key', `taken by ${server.url} (from ${server.file ?? 'STANDIN_API_KEY'})`));
  } catch (error) {
    checks.push(failure(error instanceof ApiError && error.status < 500 ? 'API key' : 'server', error, server));
  }
  if (isThisMachine(server.url)) checks.push(await checkProxy(config));
  return checks;
}

async function checkClock(url: string): Promise<Check> {
  const response = await fetch(`${url}/health`, { redirect: 'error' });
  await response.body?.cancel();
  // RFC 9110 section 6.6.1: a server with a clock sends Date.
  const date = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(date)) return warn('clock', 'the server does not tell the time', 'compare the clocks by hand');
  const skew = Math.round(Math.abs(Date.now() - date) / 1000);
  if (skew <= mostSkewSeconds) return ok('clock', `within ${Math.max(skew, 1)} s of the server's`);
  return warn('clock', `${skew} s off the server's`, 'set both by NTP: certificates are judged by it');
}

function checkProxy({ proxyListen: { host, port } }: Config): Promise<Check> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host: host === '0.0.0.0' || host === '::' ? 'localhost' : host, port, timeout: 2000 });
    const settle = (check: Check) => {
      socket.destroy();
      resolve(check);
    };
    const closed = (why: string) =>
      settle(
        warn(
          'egress proxy',
          `nothing listens on ${address} (${why})`,
          'set STANDIN_PROXY_LISTEN here as the server has it',
        ),
      );
    socket.once('connect', () => settle(ok('egress proxy', `listens on ${address}`)));
    socket.once('timeout', () => closed('no answer in 2 s'));
    socket.once('error', (error: NodeJS.ErrnoException) => closed(error.code ?? error.message));
  });
}

function ok(what: string, found: string): Check {
  return { verdict: 'ok', what, found, fix: null };
}

function warn(what: string, found: string, fix: string): Check {
  return { verdict: 'warn', what, found, fix };
}

function fail(what: string, found: string, fix: string): Check {
  return { verdict: 'fail', what, found, fix };
}

function failure(what: string, error: unknown, server?: ServerAddress): Check {
  const { what: found, fix } = explain(error, server);
  return fail(what, found, fix ?? "see the server's log");
}
