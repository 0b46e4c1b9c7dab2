import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { CliFailure, wrongUsage } from '../failure.ts';

/** `<sandbox id>:<absolute path>`, or a path of this machine. */
interface Place {
  sandbox: string | null;
  path: string;
}

/** `standin sandbox cp`: a file in either direction, a directory out as a zip. */
export function addCopyCommand(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'cp <from> <to>',
    summary: 'copy a file into or out of a sandbox; a directory comes out as a zip',
    examples: [
      ['standin sandbox cp report.md 7b0c4f8e-…:/home/user/', 'in'],
      ['standin sandbox cp 7b0c4f8e-…:/home/user/out.json .', 'out'],
      ['standin sandbox cp 7b0c4f8e-…:/home/user/site site.zip', 'all that is in a directory'],
    ],
  }).action(async (from: string, to: string, options: CommonOptions) => {
    const output = cli.output(options);
    const [source, target] = [placeOf(from), placeOf(to)];
    if ((source.sandbox === null) === (target.sandbox === null)) {
      throw wrongUsage('one of the two must be in a sandbox', 'write it as ID:/absolute/path');
    }
    const copied =
      source.sandbox === null ? await copyIn(cli, source.path, target) : await copyOut(cli, source, target.path);
    output.result(copied, () => output.line(`copied ${copied.size} bytes to ${copied.path}`));
  });
}

async function copyIn(cli: Cli, path: string, { sandbox, path: to }: Place): Promise<{ path: string; size: number }> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new CliFailure(`${path} does not exist`);
  if (!stat.isFile()) throw new CliFailure(`${path} is no file`, { fix: 'pack it first: tar -c DIRECTORY' });
  const client = cli.connect();
  const access = await client.sandboxes.get(sandbox ?? '');
  const target = to.endsWith('/') ? posix.join(to, basename(path)) : to;
  return await client.files.write(access, target, Readable.toWeb(createReadStream(path)));
}

async function copyOut(cli: Cli, { sandbox, path }: Place, to: string): Promise<{ path: string; size: number }> {
  const client = cli.connect();
  const access = await client.sandboxes.get(sandbox ?? '');
  const isDirectory = await isDirectoryInside(client, access.id, path);
  const name = `${basename(path) || 'root'}${isDirectory ? '.zip' : ''}`;
  const target = statSync(to, { throwIfNoEntry: false })?.isDirectory() === true ? join(to, name) : to;
  const content = isDirectory ? await client.files.zip(access, path) : await client.files.read(access, path);
  const file = createWriteStream(target);
  await pipeline(Readable.fromWeb(content), file);
  return { path: target, size: file.bytesWritten };
}

async function isDirectoryInside(client: ReturnType<Cli['connect']>, id: string, path: string): Promise<boolean> {
  const name = basename(path);
  if (name === '') return true;
  const entries = await client.sandboxes.files(id, posix.dirname(path));
  return entries.find((each) => each.name === name)?.is_dir === true;
}

function placeOf(text: string): Place {
  const [, sandbox, path] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\/.*)$/i.exec(text) ?? [];
  return sandbox === undefined || path === undefined ? { sandbox: null, path: text } : { sandbox, path };
}
