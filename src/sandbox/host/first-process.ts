import type { SandboxLimits } from '../driver.ts';
import type { OwnPrograms } from './host-system.ts';
import { inside } from './inside.ts';
import { controlCalls, limitCalls, thisMachine } from './system-calls.ts';

/**
 * Process 1 of a sandbox: sets limits for what it starts, keeps the agent running (`kill -9 -1` inside ends it, and it comes
 * back) and reaps what is orphaned. In Perl, as the launcher is; it survives a full process table, where a shell would end.
 * Arguments: the numbers of prlimit64(2) and prctl(2) · a seccomp program that it is to set, or nothing · `1` where each agent is given a line that standard input has · limits as
 * `resource=value` · `--` · the agent's command line.
 */
const keepRunning = String.raw`
my ($PRLIMIT, $PRCTL) = (shift(@ARGV) + 0, shift(@ARGV) + 0);
my $seccomp = shift(@ARGV);
my $line = shift(@ARGV) ? <STDIN> : undef;
while (defined(my $limit = shift(@ARGV))) {
  last if $limit eq '--';
  my ($resource, $value) = split(/=/, $limit);
  my $pair = pack('Q2', $value, $value);
  syscall($PRLIMIT, 0, $resource + 0, $pair, 0) == 0 or die "limit $limit: $!\n";
}
if ($seccomp ne '') {
  open(my $file, '<', $seccomp) or die "$seccomp: $!\n"; my $rules = do { local $/; <$file> }; close($file);
  my $program = pack('S x6 P', length($rules) / 8, $rules);
  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP with SECCOMP_MODE_FILTER
  syscall($PRCTL, 38, 1, 0, 0, 0) == 0 && syscall($PRCTL, 22, 2, $program, 0, 0) == 0 or die "seccomp: $!\n";
}
open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
while (1) {
  my ($given, $give);
  if (defined $line) { pipe($given, $give) or next }
  my $pid = fork;
  if (defined $pid) {
    if (!$pid) { open(STDIN, '<&', $given) if $given; exec(@ARGV) or exit(127) }
    if ($give) { syswrite($give, $line); close($give); close($given) }
    1 until wait == $pid;
  }
  select(undef, undef, undef, 0.02);
}
`;

/** Node and other runtimes reserve address space that they never use; RLIMIT_DATA counts it. */
const reservedMib = 1024;

/** Of asm-generic/resource.h. */
const resources = { data: 2, core: 4, nproc: 6 };

export interface FirstProcessOptions {
  own: OwnPrograms;
  /** What no control group limits, so that each process is limited instead. */
  each: { memory: boolean; pids: boolean };
  /** The agent's first argument: a descriptor, or the address and port that it calls. */
  agent: string;
  /** A line on standard input is for the agent. */
  given: boolean;
  /** Where the seccomp program is inside; without: it is set already. */
  seccomp?: string;
}

/** The command line of process 1. */
export function firstProcess(
  limits: SandboxLimits,
  { own, each, agent, given, seccomp }: FirstProcessOptions,
): string[] {
  const bytes = (limits.memoryMib + reservedMib) * 1024 * 1024;
  return [
    ...own.perl,
    '-e',
    keepRunning,
    String(limitCalls[thisMachine()]),
    String(controlCalls[thisMachine()]),
    seccomp ?? '',
    given ? '1' : '',
    `${resources.core}=0`,
    ...(each.pids ? [`${resources.nproc}=${limits.pids}`] : []),
    ...(each.memory ? [`${resources.data}=${bytes}`] : []),
    '--',
    ...own.node,
    '--max-old-space-size=128',
    `${inside.agent}/main.js`,
    agent,
    ...own.perl,
  ];
}
