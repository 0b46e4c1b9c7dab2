import type { CheckedMount } from '../mounts.ts';
import type { SystemTree } from '../host/host-system.ts';
import { inside, ownLinks } from '../host/inside.ts';
import { etcFiles } from '../host/skeleton.ts';

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
  /** The root of the tree that it runs on; null: the host's own. */
  template: string | null;
  mounts: CheckedMount[];
}

const isolation =
  '--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try --disable-userns ' +
  '--uid 1000 --gid 1000 --hostname standin --cap-drop ALL --clearenv --new-session --as-pid-1';
const kernelFiles = '--proc /proc --dev /dev';

/** The launcher's writable scratch space: one file system of a limited size, a directory in it for each place. */
export const scratch = '/tmp/scratch';
/** Where its directories go, and the permissions of each. */
export const scratchPlaces = [
  { name: 'shm', mode: 0o1777, target: '/dev/shm' },
  { name: 'tmp', mode: 0o1777, target: '/tmp' },
  { name: 'run', mode: 0o755, target: '/run' },
  { name: 'home', mode: 0o755, target: inside.home },
] as const;

/** What is staged, in the order in which `bubblewrapArguments` counts on it. `mapOwners`: the server is root. */
export function stagedParts(parts: SandboxParts, mapOwners: boolean): Staged[] {
  const tree = parts.template === null ? [] : [parts.template];
  const own = [parts.node, parts.agent, parts.etc, parts.trust, ...tree].map((source) => ({ source }));
  return own.concat(parts.mounts.map(({ source, owner }) => (mapOwners ? { source, owner } : { source })));
}

/** bwrap's options (bwrap(1), 0.8.0) for a sandbox whose parts have been staged. Later ones cover earlier ones. */
export function bubblewrapArguments(system: SystemTree, parts: SandboxParts): string[] {
  const [node, agent, etc, trust] = ['/tmp/0', '/tmp/1', '/tmp/2', '/tmp/3'] as const;
  const [root, firstMount] = parts.template === null ? ['', 4] : ['/tmp/4', 5];
  const place = ({ name, target }: { name: string; target: string }) => ['--bind', `${scratch}/${name}`, target];
  const [shm, ...others] = scratchPlaces;
  return [
    isolation.split(' '),
    system.links.flatMap(link),
    system.shown.flatMap((path) => readOnly(`${root}${path}`, path)),
    etcFiles.flatMap((name) => readOnly(`${etc}/${name}`, `/etc/${name}`)),
    system.bundles.flatMap((path) => readOnly(`${trust}/bundle.pem`, path)),
    system.own.files.flatMap(({ source, target }) => readOnly(source, target)),
    readOnly(node, inside.node),
    readOnly(agent, inside.agent),
    readOnly(trust, inside.trust),
    kernelFiles.split(' '),
    ownLinks.flatMap(link),
    place(shm),
    ['--remount-ro', '/dev'],
    others.flatMap(place),
    parts.mounts.flatMap((mount, index) => [
      mount.readOnly ? '--ro-bind' : '--bind',
      `/tmp/${firstMount + index}`,
      mount.target,
    ]),
    ['--remount-ro', '/', '--chdir', '/'],
  ].flat();
}

function link({ path, target }: { path: string; target: string }): string[] {
  return ['--symlink', target, path];
}

function readOnly(source: string, target: string): string[] {
  return ['--ro-bind', source, target];
}
