import { perlAddresses, perlStaging, perlSystemCalls } from '../host/perl-parts.ts';
import { perlConnections } from './connections-script.ts';

/**
 * The keeper of one sandbox, in Perl (perl-parts.ts says why). It waits at a gate for one byte and makes a mount, a network
 * and a process namespace: whoever ends its process 1 ends everything of the sandbox, and what is mounted goes with it. In
 * its mount namespace it builds the sandbox's tree at `root`, and what is lent to it at `mounts/<n>`, below the directory that
 * it was started in. In its network namespace every address is local; a pair of virtual interfaces leads there from a second
 * network namespace, which is given to runsc. It says `ready` and the process that holds that namespace.
 *
 * Then it does what it is told on a unix socket, a line at a time, and answers each with a line: `ok`, `later`, `kept`, or
 * `failed` with what runsc said.
 *
 *  - `run`, `restore`: starts runsc, anew or from the image on disk
 *  - `pause`: stops all tasks, and resets the connections that lead out of the sandbox
 *  - `save`: writes the image as soon as no such connection is left (`later`: it is not yet so) and ends. `kept`: it cannot be
 *    written, and the sandbox stays in memory as it is
 *  - `resume`: lets tasks go on, where they are still in memory
 *  - nothing: a connection ends with the keeper
 *
 * Arguments: `1` where the kernel has IPv6 · rules for other ports, in hex (other-ports.ts) · system call numbers · name of the
 * socket · what process 1 of the sandbox is given on standard input · runsc and its options, as a number of words and the
 * words · links, as a number of pairs and path and target of each · places to mount at, as a number and their paths, a file's after `file:` · then for each
 * thing staged: path, owner, group (empty owner: no id mapping), place below the directory, `1` where it is read-only.
 */
export const keeperScript = String.raw`
use strict; use warnings;
my ($ipv6, $rules, $numbers, $socket, $given, @rest) = @ARGV;
my @runsc = splice(@rest, 0, shift(@rest));
my @links = splice(@rest, 0, 2 * shift(@rest));
my @directories = splice(@rest, 0, shift(@rest));
my $uid = 1000; # of the sandbox's user: what is lent to it is shown as its own
my ($host_mac, $sandbox_mac) = ('02:00:00:00:00:01', '02:00:00:00:00:02');
${perlSystemCalls}${perlStaging}${perlAddresses}${perlConnections}
$creator = 65534; # gVisor makes a file as root, and then gives it to whoever made it inside
# The directories above. A link on the way would lead to the host's own directories.
sub parents {
  my ($path) = @_;
  my $at = '';
  for my $part (split(m{/}, $path)) { mkdir($at) if $at ne ''; $at .= ($at eq '' ? '' : '/') . $part; die "$path: $at is a link\n" if -l $at }
}
sub attributes { my ($path, $set) = @_; my $all = pack('Q4', $set, 0, 0, 0); call("mount_setattr $path", $MOUNT_SETATTR, -100, $path, 0x8000, $all, 32) }

call('close_range', $CLOSE_RANGE, 3, 0xffffffff, 0);
my $outside = readlink('/proc/self/ns/net');
sysread(STDIN, my $gate, 1) or exit 1;
open(STDIN, '<', '/dev/null');
my $control;
socket($control, 1, 1, 0) && bind($control, pack('S a*', 1, $socket)) && listen($control, 16) or die "control socket: $!\n";
call('unshare', $UNSHARE, $NEWNS | $NEWNET | $NEWPID);
my $first = fork; die "fork: $!\n" unless defined $first;
if ($first) { close($control); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null'); waitpid($first, 0); exit 0 }
$SIG{PIPE} = 'IGNORE';

mount('none', '/', '', $REC | $PRIVATE, '');
mount('proc', '/proc', 'proc', $NOSUID | $NODEV | 8, '');
my @staged;
while (my ($path, $owner, $group, $place, $ro) = splice(@rest, 0, 5)) { push(@staged, [source($path, $owner, $group), $place, $ro]) }
for my $tree ('root', 'mounts') { mkdir($tree); mount('tmpfs', $tree, 'tmpfs', $NOSUID | $NODEV, 'size=4m,mode=0755') }
while (my ($path, $target) = splice(@links, 0, 2)) { parents("root$path"); symlink($target, "root$path") or die "$path: $!\n" }
for my $item (@staged) {
  my ($source, $place, $ro) = @$item;
  parents($place);
  if (-e $place) { mount('/proc/self/fd/' . fileno($source->[0]), $place, '', $BIND | $REC, '') } else { place($source, $place) }
  attributes($place, $RDONLY | $NOSUID | $NODEV) if $ro && $place =~ m{^mounts/};
}
close($_->[0]->[0]) for @staged;
@staged = ();
for my $path (@directories) {
  my $is_file = $path =~ s/^file://;
  parents("root$path");
  next if -e "root$path";
  if ($is_file) { put("root$path", '') } else { mkdir("root$path") or die "root$path: $!\n" }
}
attributes('root', $RDONLY | $NOSUID | $NODEV);

pipe(my $up, my $up_end); pipe(my $down, my $down_end);
my $holder = fork; die "fork: $!\n" unless defined $holder;
if (!$holder) {
  close($down_end); close($control);
  call('unshare', $UNSHARE, $NEWNET); syswrite($up_end, '1'); sysread($down, my $go, 1) or exit 1;
  open(my $ip, '|-', 'ip', '-batch', '-') or die "ip: $!\n";
  print $ip "link set lo up\nlink set eth0 up\naddr add 198.18.255.253/30 dev eth0\n";
  print $ip "neigh replace 198.18.255.254 lladdr $host_mac dev eth0 nud permanent\nroute add default via 198.18.255.254 dev eth0\n";
  if ($ipv6) {
    print $ip "addr add 2001:2::fffd/126 dev eth0 nodad\nneigh replace 2001:2::fffe lladdr $host_mac dev eth0 nud permanent\n";
    print $ip "route add default via 2001:2::fffe dev eth0\n";
  }
  close($ip) or die "ip could not set up the sandbox's interface\n";
  syswrite($up_end, '1'); sysread($down, $go, 1); exit 0;
}
close($up_end); close($down);
sysread($up, my $made, 1) or die "no second network namespace\n";
my $pair = "link add host0 address $host_mac mtu 1500 type veth peer name eth0 address $sandbox_mac netns $holder\nlink set host0 up\n";
$pair .= "neigh replace 198.18.255.253 lladdr $sandbox_mac dev host0 nud permanent\nroute add 198.18.255.253/32 dev host0 src 198.18.255.254 table local\n";
$pair .= "neigh replace 2001:2::fffd lladdr $sandbox_mac dev host0 nud permanent\nroute add 2001:2::fffd/128 dev host0 src 2001:2::fffe table local\n" if $ipv6;
everyAddressIsLocal($outside, $ipv6, $rules, $pair);
# A port that is not there is refused at once, however many are asked for: ICMP is limited between interfaces, not on lo.
put('/proc/sys/net/ipv4/icmp_ratelimit', "0\n");
put('/proc/sys/net/ipv6/icmp/ratelimit', "0\n") if $ipv6;
syswrite($down_end, '1'); sysread($up, $made, 1) or die "no interface in the second network namespace\n";
# runsc refuses a network namespace that has what only the first one had before Linux 6.
mount('none', '/proc/sys/net', 'tmpfs', $RDONLY, 'size=4k');
$watch = tap('host0', 1);
syswrite(STDOUT, "ready $holder\n");
open(STDOUT, '>', '/dev/null'); open(STDERR, '>>', 'keeper.log');

my $sentry = 0;
# What runsc says, where it fails; undef where it does not. Its output is put into $printed, where that is asked for.
my $printed;
sub runsc {
  my ($input, @words) = @_;
  pipe(my $read, my $write); pipe(my $said, my $say);
  my $pid = fork; return "fork: $!" unless defined $pid;
  if (!$pid) {
    close($write); close($said); close($control);
    open(STDIN, '<&', $read); open(STDERR, '>&', $say);
    if (defined $printed) { open(STDOUT, '>', 'printed') } else { open(STDOUT, '>', '/dev/null') }
    $^F = 2; close($_) for ($read, $say, $watch, $up, $down_end);
    exec(@runsc, @words) or exit 127;
  }
  close($read); close($say);
  syswrite($write, "$input\n") if $input ne '';
  close($write);
  my ($text, $more) = ('', '');
  # What it starts has these pipes too, and goes on: its end is that of its process.
  while (1) {
    my $bits = ''; vec($bits, fileno($said), 1) = 1;
    if (select($bits, undef, undef, 0.002)) { sysread($said, $more, 4096) and $text .= $more }
    last if waitpid($pid, 1) == $pid;
  }
  my $status = $?;
  if ($status != 0) { my $bits = ''; vec($bits, fileno($said), 1) = 1; while (select($bits, undef, undef, 0.02) && sysread($said, $more, 4096)) { $text .= $more } }
  return undef if $status == 0;
  $text =~ s/\s+/ /g;
  return length($text) > 900 ? substr($text, 0, 300) . ' ... ' . substr($text, -600) : $text;
}
# gVisor of 2022 cannot write a TCP socket that is watched by epoll(7), and an attempt ends the sandbox. Which sockets are
# watched is not to be seen from outside: with any watching, there must be no socket at all. Of the agent, which is between
# two calls, it is known. 'no': it cannot be written; 'calling': not at this moment.
sub savable {
  $printed = '';
  my $failure = runsc('', 'trace', 'procfs', 'sandbox');
  $printed = undef;
  return 'no' if defined $failure;
  open(my $f, '<', 'printed') or return 'no';
  my ($watching, $sockets, $calling) = (0, 0, 0);
  while (my $process = <$f>) {
    my ($socket, $epoll) = (scalar($process =~ m{"path":"socket:\[}), scalar($process =~ m{eventpoll}));
    if ($process =~ m{"args":\[[^\]]*"/opt/standin/agent/main\.js"} && $process =~ m{"ppid":1,}) { $calling ||= $socket }
    else { $watching ||= $epoll; $sockets ||= $socket }
  }
  close($f); unlink('printed');
  return $watching && $sockets ? 'no' : $calling ? 'calling' : 'yes';
}
sub started {
  my ($failure) = @_;
  return $failure if defined $failure;
  open(my $f, '<', 'sentry.pid') or return 'no process of runsc'; $sentry = <$f> + 0; close($f);
  close($down_end); # whoever held the namespace is not needed any more
  return undef;
}
my $savable = 'no';
my %commands = (
  run => sub { started(runsc($given, 'run', '--bundle', '.', '--pid-file', 'sentry.pid', '--detach', 'sandbox')) },
  restore => sub { started(runsc('', 'restore', '--bundle', '.', '--pid-file', 'sentry.pid', '--image-path', 'image', '--detach', 'sandbox')) },
  pause => sub {
    for my $try (1 .. 10) {
      my $failure = runsc('', 'pause', 'sandbox');
      return $failure if defined $failure;
      resetAll(1);
      $savable = savable();
      last if $savable ne 'calling';
      $failure = runsc('', 'resume', 'sandbox');
      return $failure if defined $failure;
      select(undef, undef, undef, 0.03);
    }
    return $savable eq 'calling' ? runsc('', 'pause', 'sandbox') : undef;
  },
  resume => sub { runsc('', 'resume', 'sandbox') },
  save => sub {
    system('rm', '-rf', 'image.new'); mkdir('image.new', 0700) or return "image: $!";
    my $failure = runsc('', 'checkpoint', '--image-path', 'image.new', 'sandbox');
    return $failure if defined $failure;
    chmod(0600, 'image.new/checkpoint.img');
    system('rm', '-rf', 'image'); rename('image.new', 'image') or return "image: $!";
    return undef;
  },
);

my (%clients, $saving);
umask(0077);
while (1) {
  while ((my $pid = waitpid(-1, 1)) > 0) { exit 0 if $pid == $sentry }
  if ($saving && resetAll() == 0) { $commands{save}->(); exit 0 }
  my $bits = ''; vec($bits, fileno($_), 1) = 1 for ($control, $watch, map { $_->[0] } values %clients);
  next if select(my $ready = $bits, undef, undef, 0.1) <= 0;
  noteAll($watch) if vec($ready, fileno($watch), 1);
  if (vec($ready, fileno($control), 1)) { my $client; accept($client, $control) and $clients{fileno($client)} = [$client, ''] }
  for my $fd (keys %clients) {
    next unless vec($ready, $fd, 1);
    my $client = $clients{$fd};
    my $more = '';
    if (!sysread($client->[0], $more, 4096)) { delete $clients{$fd}; next }
    $client->[1] .= $more;
    next unless $client->[1] =~ s/^(\w+)\n//;
    my $command = $1;
    noteAll($watch);
    if ($command eq 'save' && $savable ne 'yes') { syswrite($client->[0], "kept\n"); next }
    if ($command eq 'save' && resetAll() > 0) { $saving = 1; syswrite($client->[0], "later\n"); next }
    $saving = 0;
    my $failure = exists $commands{$command} ? $commands{$command}->() : 'not a command';
    syswrite($client->[0], defined $failure ? "failed $failure\n" : "ok\n");
    exit 0 if $command eq 'save';
  }
}
`;
