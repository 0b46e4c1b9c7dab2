import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openCgroups } from './cgroups.ts';
import type { Cgroups } from './cgroups.ts';
import { readHostSystem } from './host-system.ts';
import type { HostSystem } from './host-system.ts';
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
  system: HostSystem;
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
    system: readHostSystem(),
    cgroups,
    uids: new HostUids(),
    close() {
      cgroups?.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
