import type { SandboxLimits } from '../driver.ts';
import type { CheckedMount } from '../mounts.ts';
import type { HostSystem } from './host-system.ts';
import { inside } from './inside.ts';

/** One thing that the launcher puts at /tmp/<its place in the list>, for bwrap to take from there. */
export interface Staged {
  source: string;
  /** The owner on disk, to be shown as the sandbox's own user. */
  owner?: { uid: number; gid: number };
}

/** What the sandbox is made of on the server's disk. */
export interface SandboxParts {
  node: string;
  agent: string;
  etc: string;
  trust: string;
  mounts: CheckedMount[];
}

const mib = 1024 * 1024;

/** What is staged, in the order in which `bubblewrapArguments` counts on it. `mapOwners`: the server is root. */
export function stagedParts(parts: SandboxParts, mapOwners: boolean): Staged[] {
  return [
    ...[parts.node, parts.agent, parts.etc, parts.trust].map((source) => ({ source })),
    ...parts.mounts.map(({ source, owner }) => (mapOwners ? { source, owner } : { source })),
  ];
}

/** bwrap's options (bwrap(1), 0.8.0) for a sandbox whose parts have been staged. */
export function bubblewrapArguments(system: HostSystem, parts: SandboxParts, limits: SandboxLimits): string[] {
  const [node, agent, etc, trust, ...mounts] = stagedParts(parts, false).map((_, index) => `/tmp/${index}`);
  const readOnly = (source: string | undefined, target: string) => ['--ro-bind', source ?? '', target];
  const scratch = (mode: string, path: string) => [
    '--perms',
    mode,
    '--size',
    String(limits.diskMib * mib),
    '--tmpfs',
    path,
  ];
  return [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'standin', '--disable-userns', '--cap-drop', 'ALL'],
    ...['--new-session', '--as-pid-1', '--die-with-parent', '--clearenv'],
    ...readOnly('/usr', '/usr'),
    ...system.rootLinks.flatMap(({ path, target }) => ['--symlink', target, path]),
    ...system.rootDirectories.flatMap((path) => readOnly(path, path)),
    ...system.etc.flatMap((path) => readOnly(path, path)),
    ...system.etcFiles.flatMap((name) => readOnly(`${etc}/${name}`, `/etc/${name}`)),
    ...readOnly(`${trust}/bundle.pem`, inside.bundle),
    ...system.otherBundles.flatMap((path) => readOnly(`${trust}/bundle.pem`, path)),
    ...readOnly(node, inside.node),
    ...readOnly(agent, inside.agent),
    ...readOnly(trust, inside.trust),
    ...['--proc', '/proc', '--dev', '/dev', '--symlink', '/tmp', '/var/tmp', '--symlink', '/run', '/var/run'],
    ...scratch('1777', '/dev/shm'),
    ...['--remount-ro', '/dev'],
    ...scratch('1777', '/tmp'),
    ...scratch('0755', '/run'),
    ...scratch('0755', inside.home),
    ...parts.mounts.flatMap(({ target, readOnly: ro }, index) => [
      ro ? '--ro-bind' : '--bind',
      mounts[index] ?? '',
      target,
    ]),
    ...['--remount-ro', '/', '--chdir', '/'],
  ];
}
