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

/** Node and other runtimes reserve address space that they never use; RLIMIT_DATA counts it. */
const reservedMib = 1024;

/** The command line of process 1. `each`: what no control group limits, so that each process is limited instead. */
export function firstProcess(limits: SandboxLimits, each: { memory: boolean; pids: boolean }): string[] {
  const bytes = (limits.memoryMib + reservedMib) * 1024 * 1024;
  return [
    '/usr/bin/prlimit',
    '--core=0',
    ...(each.pids ? [`--nproc=${limits.pids}`] : []),
    ...(each.memory ? [`--data=${bytes}`] : []),
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
