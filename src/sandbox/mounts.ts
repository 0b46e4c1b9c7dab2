import { realpathSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { badField } from '../errors.ts';
import type { Mount } from './driver.ts';
import { ownLinks } from './host/inside.ts';

/** Of the host: never given to a sandbox, nor anything in them. Sockets of the host's services are in /run. */
const keptSources = ['/proc', '/sys', '/dev', '/run'];
/** Inside: a mount is never over, in or above one of these. */
const systemTargets = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/etc',
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var/run',
  '/opt/standin',
];

export interface CheckedMount {
  /** Without symbolic links. */
  source: string;
  target: string;
  readOnly: boolean;
  /** Who owns the source on disk. */
  owner: { uid: number; gid: number };
}

/** What sandboxes are kept from, whichever way it would come in. */
export interface KeptDirectories {
  /** Never mounted: the data directory. */
  privateDirs: string[];
  /** Never writable: the server's own program, which it would run as it was left there at its next start. */
  programDirs: string[];
}

/**
 * Judges mounts before anything is done with them. Throws `bad_request` that names the mount.
 */
export function checkMounts(mounts: Mount[], { privateDirs, programDirs }: KeptDirectories): CheckedMount[] {
  const kept = {
    privateDirs: privateDirs.map((path) => realpathOrSame(path)),
    programDirs: programDirs.map((path) => realpathOrSame(path)),
  };
  const checked = mounts.map((mount, index) => checkMount(mount, kept, `mounts.${index}`));
  for (const [index, { target }] of checked.entries()) {
    if (checked.findIndex((other) => other.target === target) !== index) {
      throw badField(`mounts.${index}.target`, `${target} is mounted twice`);
    }
  }
  return checked;
}

function checkMount({ source, target, readOnly }: Mount, kept: KeptDirectories, field: string): CheckedMount {
  if (!isPlainPath(source)) throw badField(`${field}.source`, 'must be an absolute path without `..`');
  if (!isPlainPath(target)) throw badField(`${field}.target`, 'must be an absolute path without `..`');
  let path: string;
  try {
    path = realpathSync(source);
  } catch {
    throw badField(`${field}.source`, `${source} does not exist on the server's machine, or cannot be reached`);
  }
  const stat = statSync(path);
  if (!stat.isDirectory() && !stat.isFile())
    throw badField(`${field}.source`, `${source} is neither a directory nor a file`);
  if (path === '/') throw badField(`${field}.source`, 'the whole file system cannot be mounted: name a directory');
  if (keptSources.some((system) => isWithin(path, system))) {
    throw badField(`${field}.source`, `${path} belongs to the host's system and is never mounted`);
  }
  const overlaps = (dirs: readonly string[]) => dirs.some((dir) => isWithin(path, dir) || isWithin(dir, path));
  if (overlaps(kept.privateDirs)) {
    throw badField(
      `${field}.source`,
      `${path} holds, or is in, the data directory, where the keys are: mount a directory beside it`,
    );
  }
  if (!readOnly && overlaps(kept.programDirs)) {
    throw badField(
      `${field}.source`,
      `${path} holds, or is in, the server's own program: mount it read-only, or a directory beside it`,
    );
  }
  const clean = followed(posix.normalize(target).replace(/(?<=.)\/$/, ''));
  const home = clean !== '/home/user' && isWithin('/home/user', clean);
  if (home || systemTargets.some((system) => isWithin(clean, system) || isWithin(system, clean))) {
    throw badField(
      `${field}.target`,
      `${clean} would cover a part of the sandbox's system: choose another place, such as /home/user/project`,
    );
  }
  return { source: path, target: clean, readOnly, owner: { uid: stat.uid, gid: stat.gid } };
}

function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0') && path.length < 4096;
}

/** Where a path leads by the links that every sandbox has. */
function followed(path: string): string {
  const link = ownLinks.find((each) => isWithin(path, each.path));
  return link === undefined ? path : link.target + path.slice(link.path.length);
}

/** True where `path` is `dir` or in it. */
function isWithin(path: string, dir: string): boolean {
  return path === dir || dir === '/' || path.startsWith(`${dir}/`);
}

function realpathOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
