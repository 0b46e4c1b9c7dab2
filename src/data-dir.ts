import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { StartupError } from './errors.ts';

/** Makes the data directory (0700) where it is missing. StartupError where it cannot be used. */
export function prepareDataDir(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new StartupError(
      `the data directory ${directory} cannot be used (${code}): make it writable for this user, or set STANDIN_DATA_DIR to another`,
      { cause: error },
    );
  }
}

/** Where the server's processes keep their code compiled: most of a start is reading it. Whoever can write there has the key file too. */
export function codeCacheOf(dataDir: string): string {
  return join(dataDir, 'code-cache');
}

/**
 * Leaves address and key where the command line on this machine finds them (`cli.json`, 0600). A null key keeps the one
 * that an earlier start wrote and renews the address only.
 */
export function writeCliFile(directory: string, server: { url: string; apiKey: string | null }): void {
  const path = join(directory, 'cli.json');
  const apiKey = server.apiKey ?? keptKey(path);
  if (apiKey === null) return;
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify({ url: server.url, api_key: apiKey })}\n`, { mode: 0o600, flush: true });
  renameSync(aside, path);
}

function keptKey(path: string): string | null {
  if (!existsSync(path)) return null;
  try {
    const kept: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const hasKey = typeof kept === 'object' && kept !== null && 'api_key' in kept && typeof kept.api_key === 'string';
    return hasKey ? String(kept.api_key) : null;
  } catch {
    return null;
  }
}
