import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createClient } from '../../client/client.ts';
import { ApiError } from '../../client/errors.ts';
import type { Config } from '../../config-settings.ts';
import type { CliDeps } from '../command.ts';
import { messageOf } from '../failure.ts';
import { isThisMachine } from '../find-server.ts';
import type { ServerAddress } from '../find-server.ts';
import type { Io } from '../io.ts';
import { fail, failure, ok, skip, warn } from './check.ts';
import type { Check } from './check.ts';

/** A client whose clock is further off finds certificates not yet, or no longer, valid. */
const mostSkewSeconds = 60;
const answersWithinMs = 3000;

/** What of the server can be seen from here. */
export async function checkServer(server: ServerAddress, config: Config, deps: CliDeps): Promise<Check[]> {
  const limited: typeof fetch = (input, init) =>
    fetch(input, { ...init, signal: AbortSignal.timeout(answersWithinMs) });
  const client = createClient({ baseUrl: server.url, apiKey: server.apiKey, fetch: limited });
  const checks: Check[] = [];
  try {
    const { version } = await client.health();
    checks.push(
      version === deps.version
        ? ok('server', `${server.url} answers, version ${version}`)
        : warn('server', `${server.url} is version ${version}, this is ${deps.version}`, 'update the older one'),
    );
  } catch (error) {
    return [failure('server', error, server), ...(await checkPorts(config))];
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

/** Whether a server could listen where it is set to: asked only where none answers. */
export async function checkPorts({ apiListen, proxyListen, dataplaneListen }: Config): Promise<Check[]> {
  const places = [apiListen, proxyListen, dataplaneListen].filter((place) => place !== null);
  const checks: Check[] = [];
  for (const place of places) {
    if (!(await listens(place)).listening) continue;
    const { port } = place;
    checks.push(
      warn(
        'ports',
        `${addressOf(place)} is taken, and what listens there is no Standin`,
        `find it: ss -ltnp 'sport = :${port}'`,
      ),
    );
  }
  return checks.length > 0 ? checks : [ok('ports', `${places.map((place) => addressOf(place)).join(', ')} are free`)];
}

/** Whether the database of `STANDIN_DATABASE_URL` takes a connection. Its password is in no answer. */
export async function checkDatabase({ databaseUrl }: Config): Promise<Check> {
  if (databaseUrl.startsWith('sqlite:')) return skip('PostgreSQL', 'not used: the database is a file in the data dir');
  const { hostname, port, pathname } = new URL(databaseUrl);
  const place = `${hostname || 'localhost'}:${port || '5432'}${pathname}`;
  const { Client } = await import('pg');
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: answersWithinMs });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return ok('PostgreSQL', `${place} answers, version ${rows[0]?.server_version ?? 'unknown'}`);
  } catch (error) {
    return fail(
      'PostgreSQL',
      `${place}: ${messageOf(error) || 'no answer'}`,
      'start it, or correct STANDIN_DATABASE_URL',
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether programs of this shell that go through the proxy trust its certificates. */
export function checkTrust({ env }: Pick<Io, 'env'>, { proxyListen, dataDir }: Config): Check {
  const proxy = env['HTTPS_PROXY'] ?? env['https_proxy'] ?? '';
  const path = join(dataDir, 'ca.pem');
  if (!URL.canParse(proxy) || Number(new URL(proxy).port) !== proxyListen.port) {
    return skip('CA trust', 'this shell does not go through the proxy');
  }
  if (!existsSync(path)) return skip('CA trust', `no certificate at ${path} to compare with`);
  const own = new X509Certificate(readFileSync(path)).fingerprint256;
  const variables = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'];
  const missing = variables.filter((name) => !holds(env[name], own));
  if (missing.length === 0) return ok('CA trust', variables.join(', '));
  return warn('CA trust', `not trusted by way of ${missing.join(', ')}`, 'run: eval "$(standin ca env)"');
}

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function holds(path: string | undefined, fingerprint: string): boolean {
  if (path === undefined) return false;
  try {
    const found = readFileSync(path, 'utf8').match(pem) ?? [];
    return found.some((text) => new X509Certificate(text).fingerprint256 === fingerprint);
  } catch {
    return false;
  }
}

async function checkClock(url: string): Promise<Check> {
  const response = await fetch(`${url}/health`, { redirect: 'error', signal: AbortSignal.timeout(answersWithinMs) });
  await response.body?.cancel();
  // RFC 9110 section 6.6.1: a server with a clock sends Date.
  const date = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(date)) return warn('clock', 'the server does not tell the time', 'compare the clocks by hand');
  const skew = Math.round(Math.abs(Date.now() - date) / 1000);
  if (skew <= mostSkewSeconds) return ok('clock', `within ${Math.max(skew, 1)} s of the server's`);
  return warn('clock', `${skew} s off the server's`, 'set both by NTP: certificates are judged by it');
}

async function checkProxy({ proxyListen }: Config): Promise<Check> {
  const { listening, why } = await listens(proxyListen);
  if (listening) return ok('egress proxy', `listens on ${addressOf(proxyListen)}`);
  return warn(
    'egress proxy',
    `nothing listens on ${addressOf(proxyListen)} (${why})`,
    'set STANDIN_PROXY_LISTEN here as the server has it',
  );
}

interface Place {
  host: string;
  port: number;
}

function addressOf({ host, port }: Place): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function listens({ host, port }: Place): Promise<{ listening: boolean; why: string }> {
  return new Promise((resolve) => {
    const socket = connect({ host: host === '0.0.0.0' || host === '::' ? 'localhost' : host, port, timeout: 2000 });
    const settle = (listening: boolean, why: string) => {
      socket.destroy();
      resolve({ listening, why });
    };
    socket.once('connect', () => settle(true, ''));
    socket.once('timeout', () => settle(false, 'no answer in 2 s'));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(false, error.code ?? error.message));
  });
}
