import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxLimits } from '../driver.ts';

/**
 * Control groups, where the server is root and may make them: version 2, version 1, or both side by side. They are
 * made within the server's own group, so that whatever limits the server limits its sandboxes too; under version 2 a
 * group that holds processes cannot hand controllers on, and theirs is made beside it.
 */
export interface Cgroups {
  /** What is limited for a sandbox as a whole. */
  readonly enforced: Enforced[];
  create(id: string, limits: SandboxLimits): SandboxCgroup;
  /** Removes the server's own groups, where no sandbox is in them any more. */
  close(): void;
}

/** Where a sandbox's group is in one hierarchy. */
export interface GroupPlace {
  directory: string;
  version: 1 | 2;
  freezer: boolean;
}

export interface SandboxCgroup {
  readonly places: GroupPlace[];
  add(pid: number): void;
  /** Null where this machine cannot freeze a group. */
  readonly freezer: Freezer | null;
  remove(): Promise<void>;
}

export interface Freezer {
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

export type Enforced = 'memory' | 'pids' | 'cpu';

/** A directory in which a group can be made for each sandbox, and what can be set there. */
interface Hierarchy extends GroupPlace {
  controllers: Enforced[];
}

const period = 100_000;
const mib = 1024 * 1024;
/** File and value for each limit. */
const settings: Record<Enforced, Record<1 | 2, (limits: SandboxLimits) => [string, string][]>> = {
  memory: {
    1: ({ memoryMib }) => [
      ['memory.limit_in_bytes', String(memoryMib * mib)],
      ['memory.memsw.limit_in_bytes', String(memoryMib * mib)],
    ],
    2: ({ memoryMib }) => [
      ['memory.max', String(memoryMib * mib)],
      ['memory.swap.max', '0'],
    ],
  },
  pids: { 1: ({ pids }) => [['pids.max', String(pids)]], 2: ({ pids }) => [['pids.max', String(pids)]] },
  cpu: {
    1: ({ vcpuCount }) => [['cpu.cfs_quota_us', String(vcpuCount * period)]],
    2: ({ vcpuCount }) => [['cpu.max', `${vcpuCount * period} ${period}`]],
  },
};
/** Not on every kernel; without swap accounting there is no swap to limit by. */
const optionalFiles = new Set(['memory.memsw.limit_in_bytes', 'memory.swap.max']);

/** Control groups for the server of this name, the same at each of its starts, or null where it cannot make any. */
export function openCgroups(name: string): Cgroups | null {
  const hierarchies = findHierarchies(`standin-${name}`);
  if (hierarchies.length === 0) return null;
  return {
    enforced: [...new Set(hierarchies.flatMap(({ controllers }) => controllers))],
    create: (id, limits) => createGroup(hierarchies, id, limits),
    close: () => hierarchies.forEach(({ directory }) => removeGroup(directory)),
  };
}

function createGroup(hierarchies: Hierarchy[], id: string, limits: SandboxLimits): SandboxCgroup {
  const groups = hierarchies.map((hierarchy) => ({ ...hierarchy, directory: join(hierarchy.directory, id) }));
  for (const { directory, version, controllers } of groups) {
    // One that a sandbox of the same id left behind is empty.
    mkdirSync(directory, { recursive: true });
    for (const [file, value] of controllers.flatMap((each) => settings[each][version](limits))) {
      if (existsSync(join(directory, file)) || !optionalFiles.has(file)) writeFileSync(join(directory, file), value);
    }
  }
  return sandboxGroup(groups);
}

/** The group of a sandbox that is there already. */
export function sandboxGroup(groups: readonly GroupPlace[]): SandboxCgroup {
  const freezing =
    groups.find(({ freezer, version }) => freezer && version === 2) ?? groups.find(({ freezer }) => freezer);
  return {
    places: groups.map(({ directory, version, freezer }) => ({ directory, version, freezer })),
    add: (pid) => groups.forEach(({ directory }) => writeFileSync(join(directory, 'cgroup.procs'), String(pid))),
    freezer: freezing === undefined ? null : groupFreezer(freezing),
    async remove() {
      for (const { directory } of groups) {
        // The last of its processes may still be on their way out.
        for (let left = 100; !removeGroup(directory) && left > 0; left -= 1) await delay(5);
      }
    },
  };
}

function groupFreezer({ directory, version }: GroupPlace): Freezer {
  const change = async (frozen: boolean) => {
    if (version === 2) writeFileSync(join(directory, 'cgroup.freeze'), frozen ? '1' : '0');
    else writeFileSync(join(directory, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
    const done = () =>
      version === 2
        ? readFileSync(join(directory, 'cgroup.events'), 'utf8').includes(`frozen ${frozen ? 1 : 0}`)
        : readFileSync(join(directory, 'freezer.state'), 'utf8').trim() === (frozen ? 'FROZEN' : 'THAWED');
    for (let left = 1000; !done(); left -= 1) {
      if (left === 0) throw new Error('the control group did not change its state within 2 seconds');
      await delay(2);
    }
  };
  return { freeze: () => change(true), thaw: () => change(false) };
}

/** True where it is gone. */
function removeGroup(directory: string): boolean {
  if (!existsSync(directory)) return true;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(directory, entry.name));
  }
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

function findHierarchies(group: string): Hierarchy[] {
  if (process.getuid?.() !== 0 || !existsSync('/proc/self/cgroup')) return [];
  const own = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, controllers = '', path = '/']) => ({ controllers: controllers.split(','), path }));
  const hierarchies: Hierarchy[] = [];
  for (const { mountPoint, root, type, options } of cgroupMounts()) {
    const names =
      type === 'cgroup2'
        ? ['']
        : (['memory', 'pids', 'cpu', 'freezer'] as const).filter((name) => options.includes(name));
    const mine = own.find(({ controllers }) => names.some((name) => controllers.includes(name)));
    if (names.length === 0 || mine === undefined) continue;
    const within = mine.path.startsWith(root) ? mine.path.slice(root.length) : mine.path;
    const parent = join(mountPoint, within);
    const opened =
      type === 'cgroup2' ? openVersion2(mountPoint, parent, group) : openVersion1(parent, { names, name: group });
    if (opened !== null) hierarchies.push(opened);
  }
  return hierarchies;
}

/** cgroup mounts of proc_pid_mountinfo(5). */
function cgroupMounts(): { mountPoint: string; root: string; type: string; options: string[] }[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [front = '', back = ''] = line.split(' - ');
      const [, , , root = '/', mountPoint = ''] = front.split(' ');
      const [type = '', , options = ''] = back.split(' ');
      return type === 'cgroup' || type === 'cgroup2'
        ? [{ mountPoint, root: root === '/' ? '' : root, type, options: options.split(',') }]
        : [];
    });
}

function openVersion1(parent: string, { names, name }: { names: readonly string[]; name: string }): Hierarchy | null {
  const directory = makeServerGroup(parent, name);
  if (directory === null) return null;
  const controllers = (['memory', 'pids', 'cpu'] as const).filter(
    (each) => names.includes(each) && (each !== 'cpu' || existsSync(join(directory, 'cpu.cfs_quota_us'))),
  );
  return { directory, version: 1, controllers, freezer: names.includes('freezer') };
}

/** The nearest group at or above our own that can hand its controllers on; if none can, our own, to freeze with. */
function openVersion2(mountPoint: string, own: string, name: string): Hierarchy | null {
  for (let parent = own; parent.startsWith(mountPoint); parent = dirname(parent)) {
    const controllers = handOn(parent);
    if (controllers.length === 0) continue;
    const directory = makeServerGroup(parent, name);
    if (directory === null) break;
    return {
      directory,
      version: 2,
      controllers: handOn(directory),
      freezer: existsSync(join(directory, 'cgroup.freeze')),
    };
  }
  const directory = makeServerGroup(own, name);
  if (directory === null || !existsSync(join(directory, 'cgroup.freeze'))) return null;
  return { directory, version: 2, controllers: [], freezer: true };
}

/** The controllers that the groups in `directory` then have. */
function handOn(directory: string): Enforced[] {
  const read = (file: string) => readFileSync(join(directory, file), 'utf8').trim().split(' ');
  try {
    const missing = (['memory', 'pids', 'cpu'] as const).filter(
      (name) => read('cgroup.controllers').includes(name) && !read('cgroup.subtree_control').includes(name),
    );
    if (missing.length > 0)
      writeFileSync(join(directory, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
    const given = read('cgroup.subtree_control');
    return (['memory', 'pids', 'cpu'] as const).filter((name) => given.includes(name));
  } catch {
    return [];
  }
}

function makeServerGroup(parent: string, name: string): string | null {
  try {
    const directory = join(parent, name);
    mkdirSync(directory, { recursive: true });
    return directory;
  } catch {
    return null;
  }
}
