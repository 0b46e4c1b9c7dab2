import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settings } from './config-settings.ts';
import type { Config } from './config-settings.ts';
import type { ConnectTo, RegisteredTemplate } from './config-values.ts';
import { StartupError } from './errors.ts';

/**
 * The one reader of the environment and of the config file. Each setting has an environment variable, a flag of
 * `standin serve` and a line of the config file (a flag wins over the environment, that over the file); all are judged
 * once, at the start, and frozen.
 */

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
    return value.map(showOne).join(',') || 'none';
  }
  return `${bracket(value.host)}:${value.port}`;
}

function showOne(value: string | ConnectTo | RegisteredTemplate): string {
  if (typeof value === 'string') return value;
  if ('path' in value) return `${value.name}=${value.path}`;
  return `${value.host}:${value.port}:${bracket(value.address)}:${value.toPort}`;
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
