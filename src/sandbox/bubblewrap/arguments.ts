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
const isolation =
  '--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try --disable-userns ' +
  '--uid 1000 --gid 1000 --hostname standin --cap-drop ALL --clearenv --new-session --as-pid-1 --die-with-parent';
const kernelFiles = '--proc /proc --dev /dev --symlink /tmp /var/tmp --symlink /run /var/run';

/** What is staged, in the order in which `bubblewrapArguments` counts on it. `mapOwners`: the server is root. */
export function stagedParts(parts: SandboxParts, mapOwners: boolean): Staged[] {
  const own = [parts.node, parts.agent, parts.etc, parts.trust].map((source) => ({ source }));
  return own.concat(parts.mounts.map(({ source, owner }) => (mapOwners ? { source, owner } : { source })));
}

/** bwrap's options (bwrap(1), 0.8.0) for a sandbox whose parts have been staged. Later ones cover earlier ones. */
export function bubblewrapArguments(system: HostSystem, parts: SandboxParts, limits: SandboxLimits): string[] {
  const [node, agent, etc, trust] = ['/tmp/0', '/tmp/1', '/tmp/2', '/tmp/3'] as const;
  const scratch = (mode: string, path: string) =>
    `--perms ${mode} --size ${limits.diskMib * mib} --tmpfs ${path}`.split(' ');
  return [
    isolation.split(' '),
    readOnly('/usr'),
    system.rootLinks.flatMap(({ path, target }) => ['--symlink', target, path]),
    system.rootDirectories.flatMap((path) => readOnly(path)),
    system.etc.flatMap((path) => readOnly(path)),
    system.etcFiles.flatMap((name) => readOnly(`${etc}/${name}`, `/etc/${name}`)),
    [inside.bundle, ...system.otherBundles].flatMap((path) => readOnly(`${trust}/bundle.pem`, path)),
    readOnly(node, inside.node),
    readOnly(agent, inside.agent),
    readOnly(trust, inside.trust),
    kernelFiles.split(' '),
    scratch('1777', '/dev/shm'),
    ['--remount-ro', '/dev'],
    scratch('1777', '/tmp'),
    scratch('0755', '/run'),
    scratch('0755', inside.home),
    parts.mounts.flatMap((mount, index) => [
      mount.readOnly ? '--ro-bind' : '--bind',
      `/tmp/${4 + index}`,
      mount.target,
    ]),
    ['--remount-ro', '/', '--chdir', '/'],
  ].flat();
}

function readOnly(source: string, target = source): string[] {
  return ['--ro-bind', source, target];
}
