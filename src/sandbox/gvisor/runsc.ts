import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { statCalls, thisMachine } from '../host/system-calls.ts';
import { findTool, toolEnvironment } from '../host/tools.ts';

const run = promisify(execFile);
const tryTimeoutMs = 20_000;

/**
 * `ptrace` needs nothing of the machine (kvm needs nested virtualisation); control groups are made by us, and hold all of it.
 */
export const runscOptions = ['--platform=ptrace', '--ignore-cgroups'];

/** One that an administrator put beside the distribution's comes first; null: none is installed. */
export function findRunsc(): string | null {
  const own = '/usr/local/bin/runsc';
  return existsSync(own) ? own : findTool('runsc');
}

/** What a version of runsc does not do as Linux does, where something is done about it. */
export interface RunscLacks {
  /** statx(2) with AT_NO_AUTOMOUNT is refused: versions before 2023 (stat-shim.ts). */
  refusesNoAutomount: boolean;
}

/** Says 0, or the error of statx(2) with AT_NO_AUTOMOUNT. */
const program = String.raw`my ($path, $all) = ('/', "\0" x 256); print syscall($ARGV[0] + 0, -100, $path, 0x800, 0, $all) == 0 ? 0 : $! + 0`;
const EINVAL = '22';

/** Runs a program in gVisor, in a sandbox of nothing but that (0.3 s). Rejects with what runsc said where it cannot. */
export async function tryRunsc(): Promise<RunscLacks> {
  const state = mkdtempSync(join(tmpdir(), 'standin-runsc-'));
  try {
    const { stdout } = await run(
      findRunsc() ?? 'runsc',
      [
        `--root=${state}`,
        ...runscOptions,
        '--network=none',
        'do',
        '/usr/bin/perl',
        '-e',
        program,
        String(statCalls[thisMachine()]),
      ],
      { env: toolEnvironment, cwd: '/', timeout: tryTimeoutMs },
    );
    return { refusesNoAutomount: stdout.trim() === EINVAL };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}
