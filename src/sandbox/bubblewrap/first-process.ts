import type { SandboxLimits } from '../driver.ts';
import type { OwnPrograms } from './host-system.ts';
import { inside } from './inside.ts';
import { limitCalls, thisMachine } from './system-calls.ts';

/**
 * Process 1 of a sandbox: sets limits for what it starts, keeps the agent running (`kill -9 -1` inside ends it, and it comes
 * back) and reaps what is orphaned. In Perl, as the launcher is; it survives a full process table, where a shell would end.
 * Arguments: the number of prlimit64(2) · limits as `resource=value` · `--` · the agent's command line.
 */
const keepRunning = String.raw`
my $PRLIMIT = shift(@ARGV) + 0;
while (defined(my $limit = shift(@ARGV))) {
  last if $limit eq '--';
  my ($resource, $value) = split(/=/, $limit);
  my $pair = pack('Q2', $value, $value);
  syscall($PRLIMIT, 0, $resource + 0, $pair, 0) == 0 or die "limit $limit: $!\n";
}
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

/** Of asm-generic/resource.h. */
const resources = { data: 2, core: 4, nproc: 6 };

/** The command line of process 1. `each`: what no control group limits, so that each process is limited instead. */
export function firstProcess(
  limits: SandboxLimits,
  { own, each }: { own: OwnPrograms; each: { memory: boolean; pids: boolean } },
): string[] {
  const bytes = (limits.memoryMib + reservedMib) * 1024 * 1024;
  return [
    ...own.perl,
    '-e',
    keepRunning,
    String(limitCalls[thisMachine()]),
    `${resources.core}=0`,
    ...(each.pids ? [`${resources.nproc}=${limits.pids}`] : []),
    ...(each.memory ? [`${resources.data}=${bytes}`] : []),
    '--',
    ...own.node,
    '--max-old-space-size=128',
    `${inside.agent}/main.js`,
    String(agentSocket),
    ...own.perl,
  ];
}
