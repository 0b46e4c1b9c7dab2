import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { StartupError } from '../../errors.ts';
import type { Template } from '../driver.ts';
import { resolveWithin } from './within.ts';

const run = promisify(execFile);

/** What the operator registered: `path` is a directory that holds a root file system, or a tarball of one. */
export interface RegisteredTemplate {
  name: string;
  path: string;
}

/** Where tools of the host are looked for, and nothing else of the server's environment. */
const toolEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const unpackTimeoutMs = 30 * 60_000;

/**
 * The templates by their names. A directory is used where it is. A tarball (plain, or with what tar(1) knows: gzip, xz,
 * zstd, ...) is unpacked once below `directory`, under the hash of its content, and what no registered tarball needs any
 * more is removed from there. Throws StartupError that names the template and what is wrong with it.
 */
export async function openTemplates(
  registered: readonly RegisteredTemplate[],
  { directory, note }: { directory: string; note: (line: string) => void },
): Promise<Map<string, Template>> {
  const found = new Map<string, Template>();
  const kept = new Set<string>();
  for (const { name, path } of registered) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw wrong(name, `${path} does not exist`);
    if (!stat.isDirectory() && !stat.isFile()) throw wrong(name, `${path} is neither a directory nor a tarball`);
    if (stat.isDirectory() && realpathSync(path) === '/') {
      throw wrong(name, '/ is what `base` is made of, and holds what is not for sandboxes; name another directory');
    }
    const root = stat.isDirectory() ? realpathSync(path) : await unpack({ name, path }, { directory, note, kept });
    if (resolveWithin(root, '/bin/sh') === null) {
      throw wrong(name, `${path} has no /bin/sh: it must hold a root file system, with usr, bin and so on at its top`);
    }
    found.set(name, { name, root });
  }
  removeOthers(directory, kept);
  return found;
}

async function unpack(
  { name, path }: RegisteredTemplate,
  { directory, note, kept }: { directory: string; note: (line: string) => void; kept: Set<string> },
): Promise<string> {
  const key = (await hashOf(path)).slice(0, 32);
  const root = join(directory, key);
  kept.add(key);
  if (existsSync(root)) return root;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const unfinished = join(directory, `${key}.unfinished`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o755 });
  note(`template ${name}: unpacking ${path}`);
  const started = performance.now();
  try {
    // Names that lead out are refused by tar itself, and links are made last, so that nothing is written through one.
    // Devices are left out: a sandbox has its own.
    const options = ['--no-same-owner', '--no-same-permissions', '--delay-directory-restore', '--no-overwrite-dir'];
    const left = ['dev/*', './dev/*', '/dev/*'].map((pattern) => `--exclude=${pattern}`);
    await tool('tar', ['-x', '-f', path, '-C', unfinished, ...options, ...left]);
    // Whoever a sandbox runs as must be able to read it, and nobody is to gain anything by running it.
    await tool('chmod', ['-R', 'u+rwX,go+rX,go-w,a-st', unfinished]);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw wrong(name, `${path} could not be unpacked: ${reason(error)}`, error);
  }
  renameSync(unfinished, root);
  note(`template ${name}: unpacked in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return root;
}

function tool(name: string, words: string[]): Promise<unknown> {
  return run(name, words, { env: toolEnvironment, timeout: unpackTimeoutMs, maxBuffer: 64 * 1024 * 1024 });
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function removeOthers(directory: string, kept: ReadonlySet<string>): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory)) {
    if (!kept.has(entry)) rmSync(join(directory, entry), { recursive: true, force: true });
  }
}

function wrong(name: string, what: string, cause?: unknown): StartupError {
  return new StartupError(`STANDIN_TEMPLATES: ${name}: ${what}`, { cause });
}

function reason(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  const first = said.split('\n')[0] ?? '';
  return first === '' ? (error instanceof Error ? error.message.slice(0, 200) : 'unknown') : first.slice(0, 200);
}
