import { constants, lstatSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client, SandboxAccess } from '../../client/client.ts';
import { CliFailure, systemCodeOf } from '../failure.ts';
import type { Progress } from '../progress.ts';
import { printable } from '../text.ts';
import type { Copied } from './copy-in.ts';
import { countBytes } from './count-bytes.ts';

/** A tree is not copied further than this: what is inside is the sandbox's to choose. */
const limits = { depth: 64, entries: 200_000 };

/** Writes one stream to a file of this machine. A link in its place is refused, not followed. */
export async function writeLocal(
  to: string,
  content: ReadableStream<Uint8Array>,
  tell: (soFar: number) => void,
): Promise<number> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const file = await open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666).catch((error: unknown) => {
    const code = systemCodeOf(error);
    throw new CliFailure(`${to} cannot be written (${code === 'ELOOP' ? 'it is a link' : code})`, { cause: error });
  });
  const stream = file.createWriteStream();
  await pipeline(Readable.fromWeb(content), countBytes(tell), stream);
  return stream.bytesWritten;
}

/** Copies a directory and all below it out of a sandbox. Names that would lead elsewhere are refused. */
export async function copyTreeOut(
  client: Client,
  sandbox: SandboxAccess,
  { from, to, progress }: { from: string; to: string; progress: Progress },
): Promise<Copied> {
  const copied: Copied = { path: to, files: 0, size: 0, skipped: [] };
  let entries = 0;
  const walk = async (inside: string, here: string, depth: number): Promise<void> => {
    makeDirectory(here);
    for (const { name, is_dir: isDirectory } of await client.sandboxes.files(sandbox.id, inside)) {
      entries += 1;
      if (entries > limits.entries || depth > limits.depth) {
        throw new CliFailure(`${from} has more below it than is copied`, { fix: 'copy a part of it, or a tar of it' });
      }
      const place = join(here, plainName(name));
      if (isDirectory) await walk(posix.join(inside, name), place, depth + 1);
      else {
        const content = await client.files.read(sandbox, posix.join(inside, name));
        const before = copied.size;
        copied.size += await writeLocal(place, content, (soFar) => progress.count(before + soFar, null));
        copied.files += 1;
      }
    }
  };
  await walk(from, to, 0);
  return copied;
}

/** A name that the sandbox chose, as one step down and nothing else. */
export function plainName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
    throw new CliFailure(
      `the sandbox has a file with the name ${printable(JSON.stringify(name))}, which is not copied`,
    );
  }
  return name;
}

function makeDirectory(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) mkdirSync(path);
  else if (!found.isDirectory())
    throw new CliFailure(`${path} is there and is no directory`, { fix: 'move it away first' });
}
