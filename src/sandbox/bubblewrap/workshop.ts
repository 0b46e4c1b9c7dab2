import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openCgroups } from './cgroups.ts';
import type { Cgroups } from './cgroups.ts';
import { readHostSystem, readTemplateSystem } from './host-system.ts';
import type { SystemTree } from './host-system.ts';
import { HostUids } from './host-uids.ts';
import { prepareScripts } from './scripts.ts';
import type { PreparedScripts } from './scripts.ts';
import { compileSeccomp } from './seccomp.ts';
import { writeEtc, writeReadable } from './skeleton.ts';
import { thisMachine } from './system-calls.ts';

/** What a driver makes once and all of its sandboxes use. */
export interface Workshop {
  /** Of this process alone. */
  directory: string;
  etc: string;
  seccomp: string;
  scripts: PreparedScripts;
  /** The tree at this root on the server's disk, as it was when it was first asked for; null: the host's own. */
  systemOf(root: string | null): SystemTree;
  cgroups: Cgroups | null;
  uids: HostUids;
  /** Removes what was made. */
  close(): void;
}

/** Makes `<parent>/<process id>`, after removing what servers that are gone have left there. */
export async function openWorkshop(parent: string): Promise<Workshop> {
  mkdirSync(parent, { recursive: true });
  chmodSync(parent, 0o700);
  for (const name of readdirSync(parent)) {
    const isOld = /^\d+$/.test(name) && (Number(name) === process.pid || !existsSync(`/proc/${name}`));
    if (isOld) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const directory = join(parent, String(process.pid));
  const etc = join(directory, 'etc');
  const seccomp = join(directory, 'seccomp.bpf');
  mkdirSync(directory, { mode: 0o700 });
  writeEtc(etc);
  writeReadable(seccomp, compileSeccomp(thisMachine()));
  const scripts = await prepareScripts(directory);
  const cgroups = openCgroups();
  return {
    directory,
    etc,
    seccomp,
    scripts,
    systemOf: rememberSystems(),
    cgroups,
    uids: new HostUids(),
    close() {
      cgroups?.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function rememberSystems(): (root: string | null) => SystemTree {
  const known = new Map<string | null, SystemTree>();
  return (root) => {
    let system = known.get(root);
    if (system === undefined) known.set(root, (system = root === null ? readHostSystem() : readTemplateSystem(root)));
    return system;
  };
}
