/**
 * The launcher, in Perl: `perl-base` is essential on Debian and Ubuntu, starts in 3 ms, and can make the system calls
 * that Node cannot (unshare, mount, open_tree, mount_setattr, setresuid). It makes the sandbox's network namespace
 * and a private mount namespace with all that the sandbox is given under /tmp/<n>, says `ready`, waits at the gate for
 * one byte, and becomes bwrap, which reads its arguments from the rest of standard input. What it mounts is gone with
 * it: nothing stays on the host.
 *
 * Arguments: host uid to run as (0: that of the caller, in a user namespace of its own) · path for the agent's socket ·
 * `1` where the kernel has IPv6 · rules for other ports, in hex (other-ports.ts) · system call numbers · seccomp program · bwrap · size of the scratch space, MiB · its
 * directories as `name:octal mode`, with commas · command of the sandbox, as a number of words and the words · then for each thing staged: path, owner, group (empty owner: no id mapping).
 *
 * The agent's socket is descriptor 3 and the seccomp program 4: all above 2 are closed first, and these are the first
 * two that it opens.
 */
export const launcherScript = String.raw`
use strict; use warnings;
my ($uid, $socket, $ipv6, $rules, $numbers, $seccomp, $bwrap, $size, $places, $words, @rest) = @ARGV;
my @command = splice(@rest, 0, $words);
$uid += 0; # a number and not its text: syscall would pass the text's address
my ($UNSHARE, $MOUNT, $SETGROUPS, $SETRESGID, $SETRESUID) = map { $_ + 0 } split(/,/, $numbers);
my ($CLOSE_RANGE, $OPEN_TREE, $MOVE_MOUNT, $MOUNT_SETATTR) = (436, 428, 429, 442);
my ($NEWNS, $NEWUSER, $NEWNET) = (0x00020000, 0x10000000, 0x40000000);
my ($BIND, $REC, $PRIVATE, $NOSUID, $NODEV) = (4096, 16384, 1 << 18, 2, 4);
$^F = 255;

sub call { my ($what, @call) = @_; my $got = syscall(shift(@call), @call); die "$what: $!\n" if $got == -1; return $got }
sub put { my ($path, $text) = @_; open(my $f, '>', $path) or die "$path: $!\n"; syswrite($f, $text); close($f) or die "$path: $!\n" }
sub mount { my ($source, $target, $type, $flags, $data) = @_; call("mount $target", $MOUNT, $source, $target, $type, $flags, $data) }

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
while (my ($path, $owner, $group) = splice(@rest, 0, 3)) {
  sysopen(my $f, $path, 010000000) or die "$path: $!\n";
  my $found = readlink('/proc/self/fd/' . fileno($f));
  die "$path: it is $found now; a symbolic link was put in its way\n" if $found ne $path;
  push(@sources, [$f, $path, $owner, $group]);
}
mount('tmpfs', '/tmp', 'tmpfs', $NOSUID | $NODEV, 'size=1m,mode=0755');
for my $index (0 .. $#sources) {
  my ($f, $path, $owner, $group) = @{$sources[$index]};
  if (-d $f) { mkdir("/tmp/$index") or die "/tmp/$index: $!\n" } else { put("/tmp/$index", '') }
  if ($owner eq '') { mount('/proc/self/fd/' . fileno($f), "/tmp/$index", '', $BIND | $REC, ''); next }
  my $tree = call("open_tree $path", $OPEN_TREE, fileno($f), my $empty = '', 1 | 0x1000);
  my $ids = mapping($owner, $group);
  my $attributes = pack('Q4', 0x00100000 | $NOSUID | $NODEV, 0, 0, fileno($ids));
  if (syscall($MOUNT_SETATTR, $tree, $empty, 0x1000, $attributes, 32) == -1) { die "idmap $path: $!\n" }
  call("move_mount $path", $MOVE_MOUNT, $tree, $empty, -100, my $to = "/tmp/$index", 4);
  close($ids); open(my $t, '<&=', $tree); close($t);
}
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

# On disk an id of the owner, inside the one that this sandbox runs as.
sub mapping {
  my ($owner, $group) = @_;
  pipe(my $up, my $up_end); pipe(my $down, my $down_end);
  my $child = fork; die "fork: $!\n" unless defined $child;
  if (!$child) { close($down_end); call('unshare', $UNSHARE, $NEWUSER); close($up_end); sysread($down, my $x, 1); exec('/bin/true'); }
  close($up_end); sysread($up, my $x, 1);
  put("/proc/$child/uid_map", "$owner $uid 1"); put("/proc/$child/gid_map", "$group $uid 1");
  open(my $ids, '<', "/proc/$child/ns/user") or die "user namespace: $!\n";
  close($down_end); waitpid($child, 0);
  return $ids;
}

# In the host's own network these routes would lead all of its traffic to itself.
die "still in the network of the host\n" if !defined $outside || readlink('/proc/self/ns/net') eq $outside;
open(my $ip, '|-', 'ip', '-batch', '-') or die "ip: $!\n";
print $ip "link set lo up\naddr add 198.18.255.254/32 dev lo\nroute add local 0.0.0.0/0 dev lo src 198.18.255.254\n";
print $ip "addr add 2001:2::fffe/128 dev lo nodad\nroute add local ::/0 dev lo src 2001:2::fffe\n" if $ipv6;
close($ip) or die "ip could not set up the sandbox's network\n";
# A kernel without nf_tables refuses connections to other ports by itself: nothing listens there.
if (socket(my $filters, 16, 3, 12)) { send($filters, pack('H*', $rules), 0); close($filters) }

if ($uid) {
  call('setgroups', $SETGROUPS, 0, 0); call('setresgid', $SETRESGID, $uid, $uid, $uid); call('setresuid', $SETRESUID, $uid, $uid, $uid);
}
syswrite(STDOUT, "ready\n");
sysread(STDIN, my $gate, 1) or exit 1;
%ENV = ();
exec($bwrap, '--args', 0, '--seccomp', fileno($filter), '--', @command) or die "$bwrap: $!\n";
`;
