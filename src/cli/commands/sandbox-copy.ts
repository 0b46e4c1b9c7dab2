import { statSync } from 'node:fs';
import { basename, join, posix, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Client, SandboxAccess } from '../../client/client.ts';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { copyIn } from '../copy/copy-in.ts';
import type { Copied } from '../copy/copy-in.ts';
import { copyTreeOut, writeLocal } from '../copy/copy-out.ts';
import { CliFailure, wrongUsage } from '../failure.ts';
import { findSandbox } from '../near.ts';
import { withProgress } from '../progress.ts';
import type { Progress } from '../progress.ts';
import { bytes, printable } from '../text.ts';

interface CopyOptions extends CommonOptions {
  recursive?: boolean;
}

/** `<sandbox>:<absolute path>`, or a path of this machine. */
interface Place {
  sandbox: string | null;
  path: string;
}

/** `standin sandbox cp`: files and directories in either direction. */
export function addCopyCommand(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'cp <from> <to>',
    summary: 'copy a file, or with -r a directory, into or out of a sandbox',
    examples: [
      ['standin sandbox cp report.md agent:/home/user/', 'in'],
      ['standin sandbox cp agent:/home/user/out.json .', 'out'],
      ['standin sandbox cp -r src agent:/home/user/src', 'a directory with all below it'],
      ['standin sandbox cp agent:/home/user/site site.zip', 'without -r a directory comes out as a zip'],
    ],
  })
    .option('-r, --recursive', 'a directory with all below it; links are left out')
    .action(async (from: string, to: string, options: CopyOptions) => {
      const output = cli.output(options);
      const [source, target] = [placeOf(from), placeOf(to)];
      if ((source.sandbox === null) === (target.sandbox === null)) {
        throw wrongUsage('one of the two must be in a sandbox', 'write it as NAME:/absolute/path');
      }
      const client = cli.connect();
      const access = await client.sandboxes.get(await findSandbox(client, source.sandbox ?? target.sandbox ?? ''));
      const text = `copying ${basename(source.path)}`;
      const copied = await withProgress(cli, { ...options, text }, (progress) => {
        const job = { client, access, progress, recursive: options.recursive === true };
        if (source.sandbox !== null) return takeOut(job, source.path, resolve(cli.io.cwd, target.path));
        return bringIn(job, resolve(cli.io.cwd, source.path), target.path);
      });
      output.result(copied, () => {
        const files = copied.files === 1 ? '' : `${copied.files} files, `;
        output.line(`copied ${files}${bytes(copied.size)} to ${printable(copied.path)}`);
        for (const path of copied.skipped) output.warn(`left out ${path}: neither a file nor a directory`);
      });
    });
}

interface Job {
  client: Client;
  access: SandboxAccess;
  progress: Progress;
  recursive: boolean;
}

function bringIn({ client, access, progress, recursive }: Job, path: string, to: string): Promise<Copied> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new CliFailure(`${path} does not exist`);
  if (stat.isDirectory() && !recursive) throw wrongUsage(`${path} is a directory`, 'give -r');
  const target = to.endsWith('/') ? posix.join(to, basename(path)) : to;
  return copyIn(client, access, { from: path, to: target, progress });
}

async function takeOut({ client, access, progress, recursive }: Job, path: string, to: string): Promise<Copied> {
  const here = statSync(to, { throwIfNoEntry: false });
  const isDirectory = await isDirectoryInside(client, access.id, path);
  const name = `${basename(path) || 'root'}${isDirectory && !recursive ? '.zip' : ''}`;
  const target = here?.isDirectory() === true ? join(to, name) : to;
  if (isDirectory && recursive) return await copyTreeOut(client, access, { from: path, to: target, progress });
  const content = isDirectory ? await client.files.zip(access, path) : await client.files.read(access, path);
  const size = await writeLocal(target, content, (soFar) => progress.count(soFar, null));
  return { path: target, files: 1, size, skipped: [] };
}

async function isDirectoryInside(client: Client, id: string, path: string): Promise<boolean> {
  const name = basename(path);
  if (name === '') return true;
  const entries = await client.sandboxes.files(id, posix.dirname(path));
  return entries.find((each) => each.name === name)?.is_dir === true;
}

/** A path of this machine with a colon and a slash after it is written `./a:/b`. */
function placeOf(text: string): Place {
  const [, sandbox, path] = /^([^/:]+):(\/.*)$/.exec(text) ?? [];
  return sandbox === undefined || path === undefined ? { sandbox: null, path: text } : { sandbox, path };
}
