import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { clientEnvironment, loadConfig } from '../config.ts';
import { CliFailure, systemCodeOf } from './failure.ts';
import type { Io } from './io.ts';

/** The server that the commands talk to, and the key they use. */
export interface ServerAddress {
  url: string;
  apiKey: string;
  /** The file that it was found in; null: the environment. */
  file: string | null;
}

/** Where the first start of a server on this machine leaves its address and key. */
export function serverFile(dataDir: string): string {
  return join(dataDir, 'cli.json');
}

/**
 * STANDIN_URL and STANDIN_API_KEY, else what the first start of a server on this machine wrote. The key from the file
 * goes to the server that the file names and to no other.
 */
export function findServer(io: Io): ServerAddress {
  const given = clientEnvironment(io.env);
  if (given.url !== undefined && given.apiKey !== undefined) {
    return { url: checkUrl(given.url), apiKey: given.apiKey, file: null };
  }
  const { dataDir } = loadConfig({}, { env: io.env }).config;
  const path = serverFile(dataDir);
  const written = readServerFile(path);
  if (given.apiKey !== undefined) {
    const url = written?.url ?? defaultUrl(io);
    return { url, apiKey: given.apiKey, file: null };
  }
  if (written === null) {
    throw new CliFailure('no server and key known', {
      fix: `start one with \`standin serve\` (it writes ${path}), or set STANDIN_URL and STANDIN_API_KEY`,
    });
  }
  if (given.url !== undefined && new URL(written.url).origin !== new URL(checkUrl(given.url)).origin) {
    throw new CliFailure(`no key known for ${given.url}`, { fix: 'set STANDIN_API_KEY' });
  }
  return { ...written, file: path };
}

/** Whether the URL names this machine by its loopback address. */
export function isThisMachine(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

function defaultUrl(io: Io): string {
  const { host, port } = loadConfig({}, { env: io.env }).config.apiListen;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function readServerFile(path: string): { url: string; apiKey: string } | null {
  let text: string;
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new CliFailure(`${path} can be read by others`, { fix: `run chmod 600 ${path}` });
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new CliFailure(`${path} cannot be read (${code})`, {
      fix: 'run as the user that runs the server, or set STANDIN_URL and STANDIN_API_KEY',
    });
  }
  const found = parse(text);
  if (found === null) {
    throw new CliFailure(`${path} does not hold {"url", "api_key"}`, { fix: 'set STANDIN_URL and STANDIN_API_KEY' });
  }
  return { url: checkUrl(found.url), apiKey: found.api_key };
}

function parse(text: string): { url: string; api_key: string } | null {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null || !('url' in found) || !('api_key' in found)) return null;
    const { url, api_key } = found;
    return typeof url === 'string' && typeof api_key === 'string' ? { url, api_key } : null;
  } catch {
    return null;
  }
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new CliFailure(`${text} is not an http(s) URL`, {
      fix: 'set STANDIN_URL to one such as http://127.0.0.1:8787',
    });
  }
  return text.replace(/\/+$/, '');
}
