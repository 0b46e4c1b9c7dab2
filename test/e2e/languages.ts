import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is made once for the tests, and kept. */
export function cached(path: string): string {
  return join(root, 'node_modules', '.cache', 'standin', path);
}

/** The interpreter with the packages that the tests use; `scripts/setup --tests` makes it. */
export const pythonProgram = cached('python/bin/python');

/** For a test's `skip`: a word on what is missing. */
export const noPython =
  !existsSync(cached('python/ready')) && 'the Python environment is not there: run scripts/setup --tests';

/** A program that runs in a sandbox. */
export function clientFile(name: string): string {
  return join(root, 'test', 'e2e', 'clients', name);
}

/** A program that plays an upstream. */
export function serverFile(name: string): string {
  return join(root, 'test', 'e2e', 'servers', name);
}
