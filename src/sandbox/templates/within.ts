import { lstatSync, readlinkSync } from 'node:fs';
import { join, posix } from 'node:path';

const maxLinks = 40;

/**
 * The place on the server's disk of a path inside a tree, its links followed as they would be inside: none leads out of
 * `root`. Null where nothing is there.
 */
export function resolveWithin(root: string, path: string): string | null {
  let left = path.split('/').filter(Boolean);
  let at = '/';
  for (let links = 0; left.length > 0;) {
    const [part = '', ...rest] = left;
    left = rest;
    const next = posix.join(at, part);
    const stat = lstatSync(join(root, next), { throwIfNoEntry: false });
    if (stat === undefined) return null;
    if (!stat.isSymbolicLink()) {
      at = next;
      continue;
    }
    links += 1;
    if (links > maxLinks) return null;
    const target = readlinkSync(join(root, next));
    if (target.startsWith('/')) at = '/';
    left = [...target.split('/').filter(Boolean), ...left];
  }
  return join(root, at);
}
