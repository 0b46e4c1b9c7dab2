import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeReadableDirectory, writeReadable } from './skeleton.ts';

const run = promisify(execFile);

/** Directories of JavaScript that Node can run without a further thought. */
export interface PreparedScripts {
  /** With `main.js`: what runs inside. */
  agent: string;
}

/**
 * Puts the programs that run outside this process where they can be read and start fast: as JavaScript, since taking
 * the types out costs a process 30 ms at each start. Done in a process of its own, which may print Node's warning that
 * this function is new.
 */
export async function prepareScripts(directory: string): Promise<void> {
  const { agent } = scriptsIn(directory);
  makeReadableDirectory(agent);
  writeReadable(join(agent, 'package.json'), '{"type":"module"}\n');
  const flag = '--disable-warning=ExperimentalWarning';
  await run(process.execPath, [flag, import.meta.filename, agent, ...sources()], { env: {} });
}

/** Where `prepareScripts` puts them. */
export function scriptsIn(directory: string): PreparedScripts {
  return { agent: join(directory, 'agent') };
}

/** Other programs have another one. */
export function scriptsDigest(): string {
  return JSON.stringify(sources().map((path) => readFileSync(path, 'utf8')));
}

/** The programs of the agent. */
function sources(): string[] {
  const extension = extname(import.meta.filename);
  const agent = join(import.meta.dirname, '../agent');
  const names = readdirSync(agent).filter((name) => name.endsWith(extension) && !name.endsWith('.d.ts'));
  return names.toSorted().map((name) => join(agent, name));
}

/** TypeScript becomes JavaScript, and names it in its imports; JavaScript is copied. */
function prepare(source: string, directory: string): void {
  const target = join(directory, `${basename(source, extname(source))}.js`);
  if (extname(source) === '.js') {
    writeReadable(target, readFileSync(source));
    return;
  }
  const code = stripTypeScriptTypes(readFileSync(source, 'utf8'));
  writeReadable(target, code.replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'"));
}

if (import.meta.main) {
  const [agent, ...files] = process.argv.slice(2);
  if (agent !== undefined) for (const file of files) prepare(file, agent);
}
