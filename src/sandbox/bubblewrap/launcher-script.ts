import { perlSockets } from '../host/listen-in-namespace.ts';
import { perlAddresses, perlStaging, perlSystemCalls } from '../host/perl-parts.ts';

/**
 * The launcher, in Perl (perl-parts.ts says why). It makes the sandbox's network namespace
 * with the sockets that its traffic arrives at, which it sends to the server over standard output,
 * and a private mount namespace with all that the sandbox is given under /tmp/<n>, says that it is ready, waits at the gate for
 * one byte, and becomes bwrap, which reads its arguments from the rest of standard input. What it mounts is gone with
 * it: nothing stays on the host.
 *
 * Arguments: host uid to run as (0: that of the caller, in a user namespace of its own) · path for the agent's socket ·
 * `1` where the kernel has IPv6 · rules for other ports, in hex (other-ports.ts) · what is to be bound (listen-in-namespace.ts) · system call numbers · seccomp program · bwrap · size of the scratch space, MiB · its
 * directories as `name:octal mode`, with commas · command of the sandbox, as a number of words and the words · then for each thing staged: path, owner, group (empty owner: no id mapping).
 *
 * The agent's socket is descriptor 3 and the seccomp program 4: all above 2 are closed first, and these are the first
 * two that it opens.
 */
export const launcherScript = String.raw`
use strict; use warnings;
my ($uid, $socket, $ipv6, $rules, $sockets, $numbers, $seccomp, $bwrap, $size, $places, $words, @rest) = @ARGV;
my @command = splice(@rest, 0, $words);
$uid += 0; # a number and not its text: syscall would pass the text's address
${perlSystemCalls}${perlStaging}${perlAddresses}${perlSockets}
call('close_range', $CLOSE_RANGE, 3, 0xffffffff, 0);
my $outside = readlink('/proc/self/ns/net');
if ($uid) { call('unshare', $UNSHARE, $NEWNS | $NEWNET) }
else {
  my ($me, $group) = ($>, (split(/ /, $)))[0]);
  call('unshare', $UNSHARE, $NEWUSER | $NEWNS | $NEWNET);
  put('/proc/self/setgroups', 'deny'); put('/proc/self/uid_map', "0 $me 1"); put('/proc/self/gid_map', "0 $group 1");
}
socket(my $agent, 1, 1, 0) or die "agent socket: $!\n";
bind($agent, pack('S a*', 1, $socket)) && listen($agent, 128) or die "agent socket: $!\n";
open(my $filter, '<', $seccomp) or die "seccomp program: $!\n";

chdir('/'); # so that bwrap starts from a directory that it may enter
mount('none', '/', '', $REC | $PRIVATE, '');
my @sources;
while (my ($path, $owner, $group) = splice(@rest, 0, 3)) { push(@sources, source($path, $owner, $group)) }
mount('tmpfs', '/tmp', 'tmpfs', $NOSUID | $NODEV, 'size=1m,mode=0755');
place($sources[$_], "/tmp/$_") for 0 .. $#sources;
mkdir('/tmp/scratch') or die "/tmp/scratch: $!\n";
mount('tmpfs', '/tmp/scratch', 'tmpfs', $NOSUID | $NODEV, 'size=' . ($size + 0) . 'm,mode=0755');
for my $place (split(/,/, $places)) {
  my ($name, $mode) = split(/:/, $place);
  my $path = "/tmp/scratch/$name";
  mkdir($path) && chmod(oct($mode), $path) or die "$path: $!\n";
  if ($uid) { chown($uid, $uid, $path) or die "$path: $!\n" }
}
close($_->[0]) for @sources;
@sources = ();

everyAddressIsLocal($outside, $ipv6, $rules, '');
sendSockets(0, $ipv6, $sockets);
if ($uid) {
  call('setgroups', $SETGROUPS, 0, 0); call('setresgid', $SETRESGID, $uid, $uid, $uid); call('setresuid', $SETRESUID, $uid, $uid, $uid);
}
message('{"ready":true}');
sysread(STDIN, my $gate, 1) or exit 1;
# Nothing of the sandbox is to have the channel.
open(STDOUT, '>', '/dev/null') or die "/dev/null: $!\n";
%ENV = ();
exec($bwrap, '--args', 0, '--seccomp', fileno($filter), '--', @command) or die "$bwrap: $!\n";
`;
