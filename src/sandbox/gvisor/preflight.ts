import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { PreflightProblem } from '../driver.ts';
import { isMachine } from '../host/system-calls.ts';
import { findTool, toolEnvironment } from '../host/tools.ts';
import { findRunsc, tryRunsc } from './runsc.ts';

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
    .filter(({ name }) => (name === 'runsc' ? findRunsc() : findTool(name)) === null)
    .map((tool) => ({
      what: `${tool.name} is not installed`,
      fix: `apt-get install ${tool.package}`,
      missing: tool.name,
    }));
  if (process.getuid?.() !== 0) {
    problems.push({ what: 'the server is not root', fix: `run it as root: gVisor needs that; or ${other}` });
  }
  if (problems.length > 0) return problems;
  const old = await runscTooOld();
  return [...old, ...(old.length > 0 ? [] : await runscRefused()), ...(await interfacesRefused())];
}

async function runscTooOld(): Promise<PreflightProblem[]> {
  const { stdout } = await run(findRunsc() ?? 'runsc', ['--version'], { env: toolEnvironment });
  const date = /(\d{8})/.exec(stdout)?.[1];
  // One that was built from its source has no date; whether it works shows when it is tried.
  if (date === undefined || Number(date) >= oldestRunsc) return [];
  return [
    { what: `this runsc is too old (${stdout.split('\n')[0] ?? ''})`, fix: `install one of ${oldestRunsc} or later` },
  ];
}

/** Runs a program in gVisor. */
async function runscRefused(): Promise<PreflightProblem[]> {
  try {
    await tryRunsc();
    return [];
  } catch (error) {
    const fix = 'in a container, run it with `--privileged`; or use the driver `bubblewrap`';
    return [{ what: `runsc runs no program here: ${stderrOf(error)}`, fix }];
  }
}

/** Makes the namespaces and the pair of interfaces that a sandbox has. */
async function interfacesRefused(): Promise<PreflightProblem[]> {
  const make = 'ip link add host0 type veth peer name eth0';
  try {
    await run('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-c', make], { env: toolEnvironment, cwd: '/' });
    return [];
  } catch (error) {
    return [
      {
        what: `network namespaces with virtual interfaces cannot be made here: ${stderrOf(error)}`,
        fix: '`modprobe veth`; in a container, run it with `--privileged`; or use the driver `bubblewrap`',
      },
    ];
  }
}

function stderrOf(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return said.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
}
