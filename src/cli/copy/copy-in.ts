import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import type { Client, SandboxAccess } from '../../client/client.ts';
import type { Progress } from '../progress.ts';
import { countBytes } from './count-bytes.ts';

/** One file of this machine and where it goes. */
interface Transfer {
  from: string;
  to: string;
  size: number;
  executable: boolean;
}

export interface Copied {
  path: string;
  files: number;
  size: number;
  /** Links, sockets and devices, which are left out. */
  skipped: string[];
}

const mostAtOnce = 100;

/** Copies a file, or a directory with all below it, into a sandbox. `path` is its place there. */
export async function copyIn(
  client: Client,
  sandbox: SandboxAccess,
  { from, to, progress }: { from: string; to: string; progress: Progress },
): Promise<Copied> {
  const found = { files: new Array<Transfer>(), emptyDirectories: new Array<string>(), skipped: new Array<string>() };
  collect(from, to, found);
  const total = found.files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const file of found.files) {
    const counter = countBytes((soFar) => progress.count(before + soFar, total));
    const stream = createReadStream(file.from);
    stream.once('error', (error) => counter.destroy(error));
    await client.files.write(sandbox, file.to, Readable.toWeb(stream.pipe(counter)));
    before += file.size;
  }
  await runOn(client, sandbox, { words: ['mkdir', '-p', '--'], paths: found.emptyDirectories });
  const executables = found.files.filter(({ executable }) => executable).map((file) => file.to);
  await runOn(client, sandbox, { words: ['chmod', '+x', '--'], paths: executables });
  return { path: to, files: found.files.length, size: total, skipped: found.skipped };
}

function collect(
  from: string,
  to: string,
  found: { files: Transfer[]; emptyDirectories: string[]; skipped: string[] },
): void {
  const stat = lstatSync(from);
  if (stat.isFile()) {
    found.files.push({ from, to, size: stat.size, executable: (stat.mode & 0o100) !== 0 });
    return;
  }
  if (!stat.isDirectory()) return void found.skipped.push(from);
  const names = readdirSync(from);
  if (names.length === 0) found.emptyDirectories.push(to);
  for (const name of names) collect(join(from, name), posix.join(to, name), found);
}

/** The file calls make no empty directories and set no permissions: the sandbox's own tools do. */
async function runOn(
  client: Client,
  sandbox: SandboxAccess,
  { words: [command = '', ...args], paths }: { words: string[]; paths: string[] },
): Promise<void> {
  for (let at = 0; at < paths.length; at += mostAtOnce) {
    await client.exec(sandbox, { command, args: [...args, ...paths.slice(at, at + mostAtOnce)] });
  }
}
