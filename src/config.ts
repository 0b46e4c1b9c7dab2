import { readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import {
  bootstrapKey,
  cidr,
  connectTo,
  databaseUrl,
  hostname,
  list,
  listenAddress,
  nonEmpty,
  oneOf,
  wholeNumber,
} from './config-values.ts';
import type { ConnectTo, ListenAddress } from './config-values.ts';
import { StartupError } from './errors.ts';
import { logLevels } from './log.ts';
import type { LogLevel } from './log.ts';

/**
 * The one reader of the environment and of the config file. Each setting has an environment variable, a flag of
 * `standin serve` and a line of the config file (a flag wins over the environment, that over the file); all are judged
 * once, at the start, and frozen.
 */
export interface Config {
  dataDir: string;
  apiListen: ListenAddress;
  proxyListen: ListenAddress;
  dataplaneListen: ListenAddress | null;
  dataplaneDomain: string;
  /** `sqlite:<path>` or `postgres://...`. */
  databaseUrl: string;
  keyProvider: 'local';
  bootstrapApiKey: string | null;
  egressWorkers: number;
  egressConnectTo: ConnectTo[];
  egressCaFile: string | null;
  egressAllowPrivate: string[];
  egressCleartextHosts: string[];
  egressFirstByteTimeout: number;
  egressScrub: boolean;
  egressMaxConnections: number;
  egressMaxRequests: number;
  egressMaxBytes: number;
  egressMaxHeadBytes: number;
  sandboxDriver: 'auto' | 'bubblewrap' | 'external';
  logLevel: LogLevel;
}

interface Setting {
  key: keyof Config;
  env: string;
  flag: string;
  help: string;
  /** As it would be written; undefined where there is none. */
  fallback: () => string | undefined;
  /** What `standin config` shows for the fallback. */
  fallbackHelp?: string;
  /** Throws an Error that says what form the setting takes. */
  parse: (text: string) => Config[keyof Config];
  secret?: boolean;
}

/** Ties what `parse` gives to the key's own type. */
function setting<Key extends keyof Config>(
  definition: Setting & { key: Key; parse: (text: string) => Config[Key] },
): Setting {
  return definition;
}

const defaultDataDir = () =>
  process.getuid?.() === 0 ? '/var/lib/standin' : join(homedir(), '.local', 'share', 'standin');

/** Every setting there is, in the order in which `standin config` prints them. */
export const settings: readonly Setting[] = [
  setting({
    key: 'dataDir',
    env: 'STANDIN_DATA_DIR',
    flag: '--data-dir',
    help: 'database file, key file and CA; mode 0700',
    fallback: defaultDataDir,
    fallbackHelp: '~/.local/share/standin (/var/lib/standin for root)',
    parse: nonEmpty,
  }),
  setting({
    key: 'apiListen',
    env: 'STANDIN_API_LISTEN',
    flag: '--api-listen',
    help: 'control plane, /openapi.json, /health, and the data plane by header',
    fallback: () => '127.0.0.1:8787',
    parse: listenAddress,
  }),
  setting({
    key: 'proxyListen',
    env: 'STANDIN_PROXY_LISTEN',
    flag: '--proxy-listen',
    help: 'egress proxy for sandboxes run elsewhere: CONNECT and absolute-form, plain or TLS',
    fallback: () => '127.0.0.1:8788',
    parse: listenAddress,
  }),
  setting({
    key: 'dataplaneListen',
    env: 'STANDIN_DATAPLANE_LISTEN',
    flag: '--dataplane-listen',
    help: 'TLS listener for boxd-<sandbox id>.<domain>, with a certificate from our CA',
    fallback: () => undefined,
    fallbackHelp: 'off',
    parse: (text) => (text === 'off' ? null : listenAddress(text)),
  }),
  setting({
    key: 'dataplaneDomain',
    env: 'STANDIN_DATAPLANE_DOMAIN',
    flag: '--dataplane-domain',
    help: 'the domain of those names',
    fallback: () => 'sandbox.localhost',
    parse: hostname,
  }),
  setting({
    key: 'databaseUrl',
    env: 'STANDIN_DATABASE_URL',
    flag: '--database-url',
    help: 'sqlite:<file> or postgres://user:password@host/database',
    fallback: () => 'sqlite:',
    fallbackHelp: 'sqlite: in the data dir',
    parse: databaseUrl,
    secret: true,
  }),
  setting({
    key: 'keyProvider',
    env: 'STANDIN_KEY_PROVIDER',
    flag: '--key-provider',
    help: 'the key service that wraps data keys',
    fallback: () => 'local',
    parse: (text) => oneOf(text, ['local'] as const),
  }),
  setting({
    key: 'bootstrapApiKey',
    env: 'STANDIN_BOOTSTRAP_API_KEY',
    flag: '--bootstrap-api-key',
    help: 'at the first start only: the key of the team `default`; without it one is made and printed once',
    fallback: () => undefined,
    fallbackHelp: 'none',
    parse: bootstrapKey,
    secret: true,
  }),
  setting({
    key: 'egressWorkers',
    env: 'STANDIN_EGRESS_WORKERS',
    flag: '--egress-workers',
    help: 'worker processes of the egress proxy',
    fallback: () => String(availableParallelism()),
    fallbackHelp: 'one a core',
    parse: (text) => wholeNumber(text, 1, 1024),
  }),
  setting({
    key: 'egressConnectTo',
    env: 'STANDIN_EGRESS_CONNECT_TO',
    flag: '--egress-connect-to',
    help: 'host:port:address:port, comma separated: where a name is really dialled; names and certificate checks stay',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => list(text).map(connectTo),
  }),
  setting({
    key: 'egressCaFile',
    env: 'STANDIN_EGRESS_CA_FILE',
    flag: '--egress-ca-file',
    help: "PEM roots trusted for upstreams beside the system's",
    fallback: () => undefined,
    fallbackHelp: 'none',
    parse: nonEmpty,
  }),
  setting({
    key: 'egressAllowPrivate',
    env: 'STANDIN_EGRESS_ALLOW_PRIVATE',
    flag: '--egress-allow-private',
    help: 'CIDRs, comma separated, that the address guard lets through',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => list(text).map(cidr),
  }),
  setting({
    key: 'egressCleartextHosts',
    env: 'STANDIN_EGRESS_CLEARTEXT_HOSTS',
    flag: '--egress-cleartext-hosts',
    help: 'host names, comma separated, to which real values may go over plain HTTP, readable on the way',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => list(text).map(hostname),
  }),
  setting({
    key: 'egressFirstByteTimeout',
    env: 'STANDIN_EGRESS_FIRST_BYTE_TIMEOUT',
    flag: '--egress-first-byte-timeout',
    help: "seconds to wait for an upstream's first byte",
    fallback: () => '600',
    parse: (text) => wholeNumber(text, 1, 86_400),
  }),
  setting({
    key: 'egressScrub',
    env: 'STANDIN_EGRESS_SCRUB',
    flag: '--egress-scrub',
    help: 'on or off: replace real values in responses of the hosts that they are for by their stand-ins',
    fallback: () => 'on',
    parse: (text) => oneOf(text, ['on', 'off'] as const) === 'on',
  }),
  setting({
    key: 'egressMaxConnections',
    env: 'STANDIN_EGRESS_MAX_CONNECTIONS',
    flag: '--egress-max-connections',
    help: 'connections that one sandbox may have open in one worker; 0 for no limit',
    fallback: () => '4096',
    parse: (text) => wholeNumber(text, 0, 10_000_000),
  }),
  setting({
    key: 'egressMaxRequests',
    env: 'STANDIN_EGRESS_MAX_REQUESTS',
    flag: '--egress-max-requests',
    help: 'requests a second of one sandbox in one worker, answered 429 beyond; 0 for no limit',
    fallback: () => '0',
    parse: (text) => wholeNumber(text, 0, 10_000_000),
  }),
  setting({
    key: 'egressMaxBytes',
    env: 'STANDIN_EGRESS_MAX_BYTES',
    flag: '--egress-max-bytes',
    help: 'bytes of content a second, both ways, of one sandbox in one worker, held back beyond; 0 for no limit',
    fallback: () => '0',
    parse: (text) => wholeNumber(text, 0, Number.MAX_SAFE_INTEGER),
  }),
  setting({
    key: 'egressMaxHeadBytes',
    env: 'STANDIN_EGRESS_MAX_HEAD_BYTES',
    flag: '--egress-max-head-bytes',
    help: 'bytes that the head of a request may have, answered 431 beyond: from 4096 to 1048576',
    fallback: () => '65536',
    parse: (text) => wholeNumber(text, 4096, 1_048_576),
  }),
  setting({
    key: 'sandboxDriver',
    env: 'STANDIN_SANDBOX_DRIVER',
    flag: '--sandbox-driver',
    help: 'auto, bubblewrap or external; a request may name another with `driver`',
    fallback: () => 'auto',
    fallbackHelp: 'auto: bubblewrap where it can run, else external',
    parse: (text) => oneOf(text, ['auto', 'bubblewrap', 'external'] as const),
  }),
  setting({
    key: 'logLevel',
    env: 'STANDIN_LOG_LEVEL',
    flag: '--log-level',
    help: `${logLevels.join(', ')}; JSON lines on stderr, short lines on a terminal`,
    fallback: () => 'info',
    parse: (text) => oneOf(text, logLevels),
  }),
];

/** Where a setting came from, for `standin config`. */
export type Source = 'flag' | 'environment' | 'file' | 'default';

export interface LoadedConfig {
  config: Readonly<Config>;
  sources: Record<keyof Config, Source>;
}

/**
 * Reads flags (by setting key), environment and the file named by `--config` or `STANDIN_CONFIG` (`NAME=value` lines,
 * the names being the environment's; `#` starts a comment). Throws StartupError that names the setting and the form
 * it takes.
 */
export function loadConfig(
  flags: Partial<Record<keyof Config, string>> = {},
  options: { env?: NodeJS.ProcessEnv; file?: string | undefined } = {},
): LoadedConfig {
  const env = options.env ?? process.env;
  const path = options.file ?? env['STANDIN_CONFIG'];
  const file = path === undefined || path === '' ? new Map<string, string>() : readConfigFile(path);
  const values: Partial<Record<keyof Config, unknown>> = {};
  const sources: Partial<Record<keyof Config, Source>> = {};
  for (const { key, env: variable, flag, fallback, parse } of settings) {
    const candidates: [Source, string, string | undefined][] = [
      ['flag', flag, flags[key]],
      ['environment', variable, env[variable] === '' ? undefined : env[variable]],
      ['file', `${variable} in ${path ?? ''}`, file.get(variable)],
      ['default', variable, fallback()],
    ];
    const [source, place, text] = candidates.find(([, , value]) => value !== undefined) ?? [
      'default',
      variable,
      undefined,
    ];
    sources[key] = source;
    values[key] = null;
    if (text === undefined) continue;
    try {
      values[key] = parse(text);
    } catch (error) {
      throw new StartupError(`${place}: ${error instanceof Error ? error.message : 'not understood'}`);
    }
  }
  if (!isComplete(values) || !hasAllSources(sources)) throw new TypeError('a setting is missing');
  if (values.databaseUrl === 'sqlite:') values.databaseUrl = `sqlite:${join(values.dataDir, 'standin.db')}`;
  return { config: Object.freeze(values), sources };
}

/** Each setting's `parse` has made its value; this says so to the types. */
function isComplete(values: Partial<Record<keyof Config, unknown>>): values is Config & Record<keyof Config, unknown> {
  return settings.every(({ key }) => key in values);
}

function hasAllSources(sources: Partial<Record<keyof Config, Source>>): sources is Record<keyof Config, Source> {
  return settings.every(({ key }) => key in sources);
}

/** Each setting as `standin config` prints it: no password, no key. */
export function describeConfig({ config, sources }: LoadedConfig): {
  name: string;
  flag: string;
  value: string;
  source: Source;
  fallback: string;
  help: string;
}[] {
  return settings.map(({ key, env, flag, fallback, fallbackHelp, help, secret }) => ({
    name: env,
    flag,
    value: secret === true ? redact(config[key]) : show(config[key]),
    source: sources[key],
    fallback: fallbackHelp ?? fallback() ?? 'none',
    help,
  }));
}

/** The base URL and API key that the CLI was given by the environment, if any. */
export function clientEnvironment(env: NodeJS.ProcessEnv = process.env): { url?: string; apiKey?: string } {
  return {
    ...(env['STANDIN_URL'] ? { url: env['STANDIN_URL'] } : {}),
    ...(env['STANDIN_API_KEY'] ? { apiKey: env['STANDIN_API_KEY'] } : {}),
  };
}

function readConfigFile(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartupError(`config file ${path} cannot be read: ${error instanceof Error ? error.message : ''}`);
  }
  const known = new Set(settings.map((each) => each.env));
  const found = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const name = line.slice(0, equals).trim();
    if (equals < 1 || !known.has(name)) {
      throw new StartupError(`config file ${path}, line ${index + 1}: not a setting (\`standin config\` lists them)`);
    }
    found.set(
      name,
      line
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1'),
    );
  }
  return found;
}

function show(value: Config[keyof Config]): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) {
    const parts = value.map((each) =>
      typeof each === 'string' ? each : `${each.host}:${each.port}:${bracket(each.address)}:${each.toPort}`,
    );
    return parts.join(',') || 'none';
  }
  return `${bracket(value.host)}:${value.port}`;
}

function redact(value: Config[keyof Config]): string {
  if (typeof value !== 'string') return 'none';
  return value.startsWith('sqlite:')
    ? value
    : value.replace(/\/\/([^:@/]*)(:[^@/]*)?@/, '//$1:[secret]@').replace(/^(?!postgres).*$/, '[secret]');
}

function bracket(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Takes the settings out of this process's environment once they are read, so that no child inherits a credential. */
export function scrubEnvironment(): void {
  for (const { env, secret } of settings) if (secret === true) delete process.env[env];
}
