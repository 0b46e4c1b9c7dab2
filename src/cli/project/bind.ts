import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { CliFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { projectFileName } from './find.ts';
import { parseProjectFile } from './schema.ts';
import { isTrusted, remember } from './trust.ts';

/**
 * Adds bindings to the project file of a directory, which is made where it is not there; comments stay. One that was
 * agreed to, or is new, counts as agreed to: who adds them is the one who would be asked.
 */
export function bindInProject(io: Pick<Io, 'env'>, directory: string, bindings: ReadonlyMap<string, string>): string {
  const path = join(directory, projectFileName);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : null;
  const document = parseDocument(before ?? '# What `standin run` does here: names of stored secrets, no values.\n');
  parseProjectFile(path, before ?? '', []);
  for (const [variable, secret] of bindings) document.setIn(['secrets', variable], secret);
  if (!isMap(document.contents)) throw new CliFailure(`${path} is no mapping`);
  const text = document.toString();
  const agreed = before === null || isTrusted(io, { path, root: dirname(path), text: before });
  const temporary = `${path}.standin-${process.pid}`;
  writeFileSync(temporary, text, { flag: 'wx' });
  renameSync(temporary, path);
  if (agreed) remember(io, path, text);
  return path;
}
