import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { PreflightProblem } from '../driver.ts';
import { HostUids } from '../host/host-uids.ts';
import { isMachine } from '../host/system-calls.ts';
import { findTool, toolEnvironment } from '../host/tools.ts';

const run = promisify(execFile);

/** Tools by the Debian package that has them. */
const tools = [
  { name: 'bwrap', package: 'bubblewrap' },
  { name: 'ip', package: 'iproute2' },
  { name: 'prlimit', package: 'util-linux' },
  { name: 'unshare', package: 'util-linux' },
  { name: 'setpriv', package: 'util-linux' },
  { name: 'perl', package: 'perl-base' },
] as const;
const oldestBubblewrap = [0, 8];

/** Settings that keep user namespaces from being made, and what would be right. */
const settings = [
  { path: '/proc/sys/user/max_user_namespaces', bad: '0', set: 'user.max_user_namespaces=15000' },
  { path: '/proc/sys/kernel/unprivileged_userns_clone', bad: '0', set: 'kernel.unprivileged_userns_clone=1' },
  {
    path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    bad: '1',
    set: 'kernel.apparmor_restrict_unprivileged_userns=0',
  },
];

/** What keeps this machine from running sandboxes with bubblewrap; nothing where it can. */
export async function findProblems(): Promise<PreflightProblem[]> {
  if (process.platform !== 'linux') {
    return [{ what: 'not Linux', fix: 'use the driver `external`, or run the server on Linux' }];
  }
  if (!isMachine(process.arch)) {
    return [
      {
        what: `no system call filter for ${process.arch}`,
        fix: 'use the driver `external`, or an x86-64 or arm64 machine',
      },
    ];
  }
  const missing = tools.filter(({ name }) => findTool(name) === null);
  if (missing.length > 0) {
    return missing.map((tool) => ({ what: `${tool.name} is not installed`, fix: `apt-get install ${tool.package}` }));
  }
  return [...(await bubblewrapTooOld()), ...(await namespacesRefused())];
}

async function bubblewrapTooOld(): Promise<PreflightProblem[]> {
  const { stdout } = await run('bwrap', ['--version'], { env: toolEnvironment });
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  const [least = 0, leastMinor = 0] = oldestBubblewrap;
  if (major > least || (major === least && minor >= leastMinor)) return [];
  return [
    {
      what: `bubblewrap ${major}.${minor} is too old`,
      fix: `install bubblewrap ${oldestBubblewrap.join('.')} or later`,
    },
  ];
}

/** Makes the namespaces that a sandbox has, as the user that it would have. */
async function namespacesRefused(): Promise<PreflightProblem[]> {
  const isRoot = process.getuid?.() === 0;
  const uid = isRoot ? new HostUids().take() : null;
  const bubblewrap = [
    'bwrap',
    '--unshare-user',
    '--unshare-pid',
    '--unshare-ipc',
    '--disable-userns',
    '--ro-bind',
    '/',
    '/',
    '--proc',
    '/proc',
    '/bin/true',
  ];
  // As an ordinary user the network namespace is made in a user namespace first; as root it takes none.
  const words =
    uid === null
      ? ['unshare', '-Urnm', ...bubblewrap]
      : ['unshare', '-nm', 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...bubblewrap];
  try {
    await run(words[0] ?? '', words.slice(1), { env: toolEnvironment, cwd: '/' });
    return [];
  } catch (error) {
    const found = settings.filter(({ path, bad }) => read(path) === bad);
    if (found.length > 0) {
      return found.map(({ path, set }) => ({
        what: `user namespaces are switched off (${path})`,
        fix: `sysctl -w ${set}`,
      }));
    }
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().slice(0, 200) : '';
    return [
      {
        what: `namespaces cannot be made here: ${said}`,
        fix: 'in a container, run it with `--privileged`, or use the driver `external`',
      },
    ];
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
