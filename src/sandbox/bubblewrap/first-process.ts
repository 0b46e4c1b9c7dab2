import type { SandboxLimits } from '../driver.ts';
import { inside } from './inside.ts';

/**
 * Process 1 of a sandbox: keeps the agent running (`kill -9 -1` inside ends it, and it comes back) and reaps what is
 * orphaned. In Perl, as the launcher is; it survives a full process table, where a shell would end.
 */
const keepRunning = String.raw`
open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
while (1) {
  my $pid = fork;
  if (defined $pid) {
    if (!$pid) { exec(@ARGV) or exit(127) }
    1 until wait == $pid;
  }
  select(undef, undef, undef, 0.02);
}
`;

/** The descriptor of the agent's listening socket, as the launcher leaves it. */
const agentSocket = 3;

/** The command line of process 1. `rlimits`: no control group holds the sandbox, so each process is limited instead. */
export function firstProcess(limits: SandboxLimits, rlimits: boolean): string[] {
  const bytes = limits.memoryMib * 1024 * 1024;
  return [
    '/usr/bin/prlimit',
    '--core=0',
    ...(rlimits ? [`--nproc=${limits.pids}`, `--data=${bytes}`] : []),
    '--',
    '/usr/bin/perl',
    '-e',
    keepRunning,
    inside.node,
    '--max-old-space-size=128',
    `${inside.agent}/main.js`,
    String(agentSocket),
  ];
}
