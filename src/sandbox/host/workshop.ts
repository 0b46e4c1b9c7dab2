import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openCgroups } from './cgroups.ts';
import type { Cgroups } from './cgroups.ts';
import { readHostSystem, readTemplateSystem } from './host-system.ts';
import type { SystemTree } from './host-system.ts';
import { HostUids } from './host-uids.ts';
import { sandboxFolders } from './records.ts';
import { prepareScripts, scriptsDigest, scriptsIn } from './scripts.ts';
import type { PreparedScripts } from './scripts.ts';
import { compileSeccomp } from './seccomp.ts';
import { etcDigest, makeReadableDirectory, trustKey, writeEtc, writeReadable, writeTrust } from './skeleton.ts';
import { thisMachine } from './system-calls.ts';

/**
 * What a driver makes once and all of its sandboxes use. Sandboxes have it mounted and outlive the server, so each part has
 * a name made of its content, is never changed, and goes when no sandbox has it any more.
 */
export interface Workshop {
  /** A folder for each sandbox. */
  sandboxes: string;
  /** The name of the part that holds the following. */
  part: string;
  etc: string;
  seccomp: string;
  scripts: PreparedScripts;
  /** The directory of what a sandbox trusts, made where it is not there, and the name of its part. */
  trust(trust: { caBundlePem: string; caPem: string }): Part;
  /** A part of a driver's own: `name` is made of its content, and `fill` writes it where it is not there. */
  makePart(name: string, fill: (directory: string) => void): Part;
  /**
   * The tree at this root on the server's disk, as it was when it was first asked for; null: the host's own. `mounted`: paths
   * inside where more will be mounted.
   */
  systemOf(root: string | null, mounted: readonly { target: string }[]): SystemTree;
  cgroups: Cgroups | null;
  uids: HostUids;
  close(): void;
}

/** A directory that never changes, and its name, which keeps it for whoever has it in its record. */
export interface Part {
  path: string;
  part: string;
}

/** Makes what is missing below `directory`, which is this driver's alone, and removes parts that no sandbox has. */
export async function openWorkshop(directory: string): Promise<Workshop> {
  const sandboxes = sandboxesIn(directory);
  const parts = join(directory, 'parts');
  for (const path of [directory, sandboxes, parts]) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o700);
  }
  const filter = compileSeccomp(thisMachine());
  const part = digest([scriptsDigest(), etcDigest, filter.toString('base64')]);
  const used = new Set(sandboxFolders(sandboxes).flatMap((folder) => folder.load()?.parts ?? []));
  for (const name of readdirSync(parts)) {
    if (name !== part && !used.has(name)) rmSync(join(parts, name), { recursive: true, force: true });
  }
  const place = join(parts, part);
  await makeWhole(place, async (unfinished) => {
    writeEtc(join(unfinished, 'etc'));
    writeReadable(join(unfinished, 'seccomp.bpf'), filter);
    await prepareScripts(unfinished);
  });
  const cgroups = openCgroups(digest([directory]).slice(0, 12));
  const makePart = (name: string, fill: (unfinished: string) => void): Part => {
    const path = join(parts, name);
    if (!existsSync(path)) {
      const unfinished = `${path}.unfinished`;
      rmSync(unfinished, { recursive: true, force: true });
      fill(unfinished);
      renameSync(unfinished, path);
    }
    return { path, part: name };
  };
  return {
    sandboxes,
    part,
    etc: join(place, 'etc'),
    seccomp: join(place, 'seccomp.bpf'),
    scripts: scriptsIn(place),
    trust: (trust) => makePart(trustKey(trust), (unfinished) => writeTrust(unfinished, trust)),
    makePart,
    systemOf: rememberSystems(),
    cgroups,
    uids: new HostUids(),
    close: () => cgroups?.close(),
  };
}

/** Where the folders of sandboxes are. */
export function sandboxesIn(directory: string): string {
  return join(directory, 'running');
}

/** Makes a directory under another name, so that it is there whole or not at all. */
async function makeWhole(path: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  makeReadableDirectory(unfinished);
  await fill(unfinished);
  renameSync(unfinished, path);
}

function digest(parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function rememberSystems(): Workshop['systemOf'] {
  const known = new Map<string | null, SystemTree>();
  return (root, mounted) => {
    if (root !== null && mounted.length > 0) {
      return readTemplateSystem(
        root,
        mounted.map(({ target }) => target),
      );
    }
    let system = known.get(root);
    if (system === undefined) {
      known.set(root, (system = root === null ? readHostSystem() : readTemplateSystem(root, [])));
    }
    return system;
  };
}
