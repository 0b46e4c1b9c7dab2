import { realpathSync, statSync } from 'node:fs';
import type { CheckedMount } from '../mounts.ts';
import type { SandboxLimits } from '../driver.ts';
import { firstProcess } from '../host/first-process.ts';
import type { SystemTree } from '../host/host-system.ts';
import { inside, ownLinks, resolverAddress } from '../host/inside.ts';
import { agentPort } from '../host/listen-in-namespace.ts';
import { etcFiles } from '../host/skeleton.ts';
import { preloadName } from './stat-shim.ts';

/** One thing that the keeper puts into the sandbox's tree, or beside it. */
export interface Staged {
  /** On the server's disk, without symbolic links. */
  source: string;
  /** Below the sandbox's folder: `root/…`, or `mounts/<n>`. */
  place: string;
  /** The owner on disk, to be shown as the sandbox's own user. */
  owner?: { uid: number; gid: number };
  readOnly: boolean;
}

/** All that a sandbox is made from, so that it can be made again around an image of it. */
export interface Plan {
  links: { path: string; target: string }[];
  /** Where something is mounted inside; after `file:`, where that is a file. */
  directories: string[];
  staged: Staged[];
  /** An OCI runtime configuration (config.md of the specification) but for its namespaces. */
  oci: object;
}

export interface PlanParts {
  system: SystemTree;
  node: string;
  agent: string;
  seccomp: string;
  etc: string;
  trust: string;
  /** The directory of the library that stands before the C library's (stat-shim.ts), or null. */
  shim: string | null;
  /** The root of the tree that it runs on; null: the host's own. */
  template: string | null;
  mounts: CheckedMount[];
  limits: SandboxLimits;
  each: { memory: boolean; pids: boolean };
}

/** Writable file systems, in memory, and so a part of the image. */
const scratchPlaces = [
  { target: '/tmp', mode: '1777' },
  { target: '/dev/shm', mode: '1777' },
  { target: '/run', mode: '0755' },
  { target: inside.home, mode: '0755' },
] as const;
const user = 1000;
/** Of process 1, to make the agent a process of that user without any. */
const ownCapabilities = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'];

export function makePlan(parts: PlanParts): Plan {
  const { system, mounts, limits } = parts;
  const within = (source: string, target: string): Staged => ({
    source: realpathSync(source),
    place: `root${target}`,
    readOnly: true,
  });
  return {
    links: [...system.links, ...ownLinks],
    directories: [
      '/proc',
      '/dev',
      ...scratchPlaces.map(({ target }) => target).filter((path) => path !== '/dev/shm'),
      ...mounts.map(({ source, target }) => (statSync(source).isDirectory() ? target : `file:${target}`)),
    ],
    staged: [
      ...system.shown.map((path) => within(`${parts.template ?? ''}${path}`, path)),
      ...etcFiles.map((name) => within(`${parts.etc}/${name}`, `/etc/${name}`)),
      ...system.bundles.map((path) => within(`${parts.trust}/bundle.pem`, path)),
      ...system.own.files.map(({ source, target }) => within(source, target)),
      within(parts.node, inside.node),
      within(parts.agent, inside.agent),
      within(parts.seccomp, inside.seccomp),
      within(parts.trust, inside.trust),
      ...(parts.shim === null
        ? []
        : [within(parts.shim, inside.shim), within(`${parts.shim}/${preloadName}`, '/etc/ld.so.preload')]),
      ...mounts.map(({ source, owner, readOnly }, index) => ({ source, owner, readOnly, place: `mounts/${index}` })),
    ],
    oci: {
      ociVersion: '1.0.2',
      hostname: 'standin',
      root: { path: 'root', readonly: true },
      process: {
        // Process 1 keeps the agent running; were it the sandbox's user, that could end it, which gVisor lets it.
        user: { uid: 0, gid: 0 },
        args: firstProcess(limits, {
          own: system.own,
          each: parts.each,
          agent: `${resolverAddress}:${agentPort}`,
          given: true,
          user,
          seccomp: inside.seccomp,
        }),
        env: ['PATH=/usr/bin:/bin'],
        cwd: '/',
        noNewPrivileges: true,
        capabilities: { bounding: ownCapabilities, permitted: ownCapabilities, effective: ownCapabilities },
      },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'dev', source: 'dev' },
        ...scratchPlaces.map(({ target, mode }) => ({
          destination: target,
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'nodev', `size=${limits.diskMib}m`, `mode=${mode}`, ...ownerOf(mode)],
        })),
        ...mounts.map(({ target, readOnly }, index) => ({
          destination: target,
          type: 'bind',
          source: `mounts/${index}`,
          options: ['rbind', 'nosuid', 'nodev', readOnly ? 'ro' : 'rw'],
        })),
      ],
    },
  };
}

function ownerOf(mode: string): string[] {
  return mode === '1777' ? [] : [`uid=${user}`, `gid=${user}`];
}
