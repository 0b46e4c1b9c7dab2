import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { recognise } from '../credentials/recognise.ts';
import type { Shape } from '../credentials/shapes.ts';
import type { Io } from '../io.ts';
import type { Agent } from './agents.ts';

/** A file as it is put into the sandbox. */
export interface ConfigFile {
  path: string;
  text: string;
}

const limits = { files: 500, bytes: 1_000_000 };
/** `"apiKey": "…"`, `token = '…'`, `KEY=…`, and bare words that may be tokens. */
const assignments = /["']?([\w.-]+)["']?\s*[:=]\s*["']?([^\s"',}]{8,})/g;
const words = /[\w.=+/-]{16,}/g;

/**
 * A copy of what the agent's configuration on this machine says, as far as the agent's table lists it: no logins, no
 * histories. A file with anything in it that looks like a credential is left out whole, as is one that is a link.
 */
export function hostConfig(
  io: Pick<Io, 'env'>,
  { config }: Agent,
  shapes: readonly Shape[],
): { files: ConfigFile[]; leftOut: string[] } {
  const files: ConfigFile[] = [];
  const leftOut: string[] = [];
  const home = io.env['HOME'];
  const take = (from: string, to: string): void => {
    const stat = lstatSync(from, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const name of readdirSync(from)) take(join(from, name), posix.join(to, name));
      return;
    }
    if (!stat.isFile() || stat.size > limits.bytes || files.length >= limits.files) return void leftOut.push(from);
    const text = readFileSync(from, 'utf8');
    if (holdsCredential(text, shapes)) leftOut.push(from);
    else files.push({ path: to, text });
  };
  if (home === undefined) return { files, leftOut };
  for (const name of config.files) take(join(home, config.host, name), posix.join(config.inside, name));
  return { files, leftOut };
}

/** Whether anything in a text looks like a credential. */
export function holdsCredential(text: string, shapes: readonly Shape[]): boolean {
  for (const [, name = '', value = ''] of text.matchAll(assignments)) {
    if (recognise(plainName(name), value, shapes) !== null) return true;
  }
  for (const [word] of text.matchAll(words)) if (recognise('', word, shapes) !== null) return true;
  return false;
}

/** `apiKey` and `api-key` as `API_KEY`: how recognition knows names. */
function plainName(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll(/[.-]/g, '_');
}
