import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { PreflightProblem } from '../driver.ts';
import { isMachine } from '../host/system-calls.ts';
import { findTool, toolEnvironment } from '../host/tools.ts';

const run = promisify(execFile);

/** Tools by the Debian package that has them. */
const tools = [
  { name: 'runsc', package: 'runsc' },
  { name: 'ip', package: 'iproute2' },
  { name: 'unshare', package: 'util-linux' },
  { name: 'perl', package: 'perl-base' },
] as const;
/** By its date: the oldest that was tried. */
const oldestRunsc = 20_221_219;

/** What keeps this machine from running sandboxes in gVisor; nothing where it can. */
export async function findProblems(): Promise<PreflightProblem[]> {
  const other = 'use the driver `bubblewrap`, or `external`';
  if (process.platform !== 'linux') return [{ what: 'not Linux', fix: `${other}, or run the server on Linux` }];
  if (!isMachine(process.arch)) {
    return [{ what: `gVisor does not run on ${process.arch}`, fix: `${other}, or an x86-64 or arm64 machine` }];
  }
  const problems: PreflightProblem[] = tools
    .filter(({ name }) => findTool(name) === null)
    .map((tool) => ({ what: `${tool.name} is not installed`, fix: `apt-get install ${tool.package}` }));
  if (process.getuid?.() !== 0) {
    problems.push({ what: 'the server is not root', fix: `run it as root: gVisor needs that; or ${other}` });
  }
  return problems.length > 0 ? problems : [...(await runscTooOld()), ...(await interfacesRefused())];
}

async function runscTooOld(): Promise<PreflightProblem[]> {
  const { stdout } = await run('runsc', ['--version'], { env: toolEnvironment });
  const date = Number(/(\d{8})/.exec(stdout)?.[1] ?? 0);
  if (date >= oldestRunsc) return [];
  return [
    { what: `this runsc is too old (${stdout.split('\n')[0] ?? ''})`, fix: `install one of ${oldestRunsc} or later` },
  ];
}

/** Makes the namespaces and the pair of interfaces that a sandbox has. */
async function interfacesRefused(): Promise<PreflightProblem[]> {
  const make = 'ip link add host0 type veth peer name eth0';
  try {
    await run('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-c', make], { env: toolEnvironment, cwd: '/' });
    return [];
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().slice(0, 200) : '';
    return [
      {
        what: `network namespaces with virtual interfaces cannot be made here: ${said}`,
        fix: '`modprobe veth`; in a container, run it with `--privileged`; or use the driver `bubblewrap`',
      },
    ];
  }
}
