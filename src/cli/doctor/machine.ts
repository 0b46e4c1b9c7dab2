import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Config } from '../../config-settings.ts';
import type { CliDeps } from '../command.ts';
import { bytes } from '../text.ts';
import { fail, ok, skip, warn } from './check.ts';
import type { Check } from './check.ts';

/** Below this, events soon cannot be written, and requests are refused then. */
const leastFree = { fail: 100_000_000, warn: 1_000_000_000 };
/** Idmapped mounts of a root server: 5.12 (mount_setattr(2)). */
const leastKernel = [5, 12] as const;

/** What of this machine sandboxes and the server need. */
export async function checkMachine(deps: CliDeps, config: Config): Promise<Check[]> {
  const system = process.platform === 'linux' ? await checkLinux(deps, config) : [notLinux()];
  return [checkNode(), ...system, ...(await checkSandboxes(deps)), checkDataDir(config), checkDisk(config)];
}

function checkNode(): Check {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major >= 26) return ok('node', process.version);
  return warn(
    'node',
    `${process.version} is older than what Standin is tested with`,
    'run `npm ci`, which brings Node 26',
  );
}

function notLinux(): Check {
  return warn('kernel', `${process.platform} runs no sandboxes`, 'use --driver external, or a server on Linux');
}

async function checkLinux(deps: CliDeps, config: Config): Promise<Check[]> {
  return [
    checkKernel(),
    checkUserNamespaces(),
    checkControlGroups(),
    checkPacketFilter(),
    await checkGvisor(deps, config),
  ];
}

function checkKernel(): Check {
  const version = release();
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  const [least, leastMinor] = leastKernel;
  if (major > least || (major === least && minor >= leastMinor)) return ok('kernel', version);
  return warn(
    'kernel',
    `${version} has no idmapped mounts`,
    `run ${least}.${leastMinor} or later to mount directories`,
  );
}

const namespaceSettings = [
  { name: 'user.max_user_namespaces', path: '/proc/sys/user/max_user_namespaces', bad: '0', right: '15000' },
  {
    name: 'kernel.unprivileged_userns_clone',
    path: '/proc/sys/kernel/unprivileged_userns_clone',
    bad: '0',
    right: '1',
  },
  {
    name: 'kernel.apparmor_restrict_unprivileged_userns',
    path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    bad: '1',
    right: '0',
  },
] as const;

function checkUserNamespaces(): Check {
  if (!existsSync('/proc/self/ns/user')) {
    return fail('user namespaces', 'the kernel has none', 'run a kernel with CONFIG_USER_NS=y');
  }
  const wrong = namespaceSettings.find(({ path, bad }) => textOf(path) === bad);
  if (wrong === undefined) return ok('user namespaces', 'may be made');
  const { name, bad, right } = wrong;
  return warn('user namespaces', `switched off by ${name}=${bad}`, `run: sysctl -w ${name}=${right}`);
}

function checkControlGroups(): Check {
  const consequence = 'limits hold for each process, not for a sandbox as a whole';
  const controllers = textOf('/sys/fs/cgroup/cgroup.controllers')?.split(/\s+/);
  const found = controllers ?? controllersOfVersion1();
  const version = controllers === undefined ? 'version 1' : 'version 2';
  const missing = ['cpu', 'memory', 'pids'].filter((each) => !found.includes(each));
  if (missing.length > 0) {
    const fix = 'under systemd, give the service Delegate=yes; elsewhere mount cgroup2 at /sys/fs/cgroup';
    return warn('cgroups', `${version} without ${missing.join(', ')}: ${consequence}`, fix);
  }
  if (process.getuid?.() === 0) return ok('cgroups', `${version}, with cpu, memory and pids`);
  return warn(
    'cgroups',
    `only a server run as root uses them: ${consequence}`,
    'run the server as root, or accept that',
  );
}

function controllersOfVersion1(): string[] {
  const mounts = textOf('/proc/self/mounts')?.split('\n') ?? [];
  return mounts
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup')
    .flatMap(([, , , options = '']) => options.split(','));
}

/** Connections to ports other than 80, 443 and 53 are led to the proxy by nftables' tproxy. */
function checkPacketFilter(): Check {
  const wanted = ['CONFIG_NF_TABLES', 'CONFIG_NFT_TPROXY'];
  const config = kernelConfig();
  if (config === null) return skip('nf_tables', 'the kernel does not tell how it was built');
  const missing = wanted.filter((each) => !new RegExp(`^${each}=[ym]$`, 'm').test(config));
  if (missing.length > 0) {
    const consequence = 'connections of sandboxes to ports other than 80 and 443 are refused without a row';
    return warn('nf_tables', `built without ${missing.join(', ')}: ${consequence}`, 'run a kernel that has them');
  }
  const modules = wanted.filter((each) => config.includes(`${each}=m`));
  if (modules.length === 0) return ok('nf_tables', 'built in, with tproxy');
  const unloaded = ['nf_tables', 'nft_tproxy'].filter((each) => !existsSync(`/sys/module/${each}`));
  return ok(
    'nf_tables',
    unloaded.length === 0 ? 'loaded, with tproxy' : `${unloaded.join(', ')} are loaded when needed`,
  );
}

function kernelConfig(): string | null {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString('utf8');
  } catch {
    return textOf(`/boot/config-${release()}`);
  }
}

/** Only what is there, or was chosen, is tried: it runs a program in gVisor. */
async function checkGvisor(deps: CliDeps, { sandboxDriver }: Config): Promise<Check> {
  const problems = await deps.preflight('gvisor');
  const [problem] = problems;
  if (problem === undefined) return ok('gvisor', 'runsc runs programs here');
  const fix = problems.map((each) => each.fix).join('; ');
  const found = problems.map((each) => each.what).join('; ');
  if (sandboxDriver === 'gvisor') return fail('gvisor', `${found}, and STANDIN_SANDBOX_DRIVER=gvisor needs it`, fix);
  if (problems.some(({ missing }) => missing === 'runsc')) {
    return skip('gvisor', 'runsc is not installed; only the driver gvisor needs it');
  }
  return warn('gvisor', found, fix);
}

async function checkSandboxes(deps: CliDeps): Promise<Check[]> {
  const problems = await deps.preflight('bubblewrap');
  if (problems.length === 0) return [ok('sandboxes', 'this machine can run them')];
  return problems.map(({ what, fix }) => warn('sandboxes', what, `${fix} (until then: --driver external)`));
}

function checkDataDir({ dataDir }: Config): Check {
  const found = statSync(dataDir, { throwIfNoEntry: false });
  if (found === undefined) return warn('data dir', `${dataDir} is not there`, 'the first `standin serve` makes it');
  if (!found.isDirectory()) return fail('data dir', `${dataDir} is not a directory`, 'set STANDIN_DATA_DIR');
  if ((found.mode & 0o077) !== 0) {
    return fail('data dir', `${dataDir} is open to other users`, `run chmod 700 ${dataDir}`);
  }
  for (const name of ['key', 'ca-key.pem', 'cli.json', 'standin.db']) {
    const file = statSync(join(dataDir, name), { throwIfNoEntry: false });
    if (file !== undefined && (file.mode & 0o077) !== 0) {
      return fail('data dir', `${name} in it is open to other users`, `run chmod 600 ${join(dataDir, name)}`);
    }
  }
  return ok('data dir', dataDir);
}

function checkDisk({ dataDir }: Config): Check {
  let folder = dataDir;
  while (!existsSync(folder) && folder !== '/') folder = join(folder, '..');
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const found = `${bytes(free)} free at ${folder}`;
  const fix = 'make room, or set STANDIN_DATA_DIR: when it is full, every request is refused';
  if (free < leastFree.fail) return fail('disk', found, fix);
  return free < leastFree.warn ? warn('disk', found, fix) : ok('disk', found);
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
