/**
 * Pieces of the launchers, in Perl: `perl-base` is essential on Debian and Ubuntu, starts in 3 ms, and can make the system
 * calls that Node cannot (unshare, mount, open_tree, mount_setattr, setresuid).
 */

/** `call`, which dies where a system call fails, `put` and `mount`, with the constants that they are given. Needs the numbers in `$numbers`. */
export const perlSystemCalls = String.raw`
my ($UNSHARE, $MOUNT, $SETGROUPS, $SETRESGID, $SETRESUID, $SETNS, $SENDMSG) = map { $_ + 0 } split(/,/, $numbers);
my ($CLOSE_RANGE, $OPEN_TREE, $MOVE_MOUNT, $MOUNT_SETATTR) = (436, 428, 429, 442);
my ($NEWNS, $NEWUSER, $NEWPID, $NEWNET) = (0x00020000, 0x10000000, 0x20000000, 0x40000000);
my ($BIND, $REC, $PRIVATE, $REMOUNT, $NOSUID, $NODEV, $RDONLY) = (4096, 16384, 1 << 18, 32, 2, 4, 1);
$^F = 255;

sub call { my ($what, @call) = @_; my $got = syscall(shift(@call), @call); die "$what: $!\n" if $got == -1; return $got }
sub put { my ($path, $text) = @_; open(my $f, '>', $path) or die "$path: $!\n"; syswrite($f, $text); close($f) or die "$path: $!\n" }
sub mount { my ($source, $target, $type, $flags, $data) = @_; call("mount $target", $MOUNT, $source, $target, $type, $flags, $data) }
`;

/**
 * `source` opens what is to be lent, so that nothing can be put in its way later. `place` puts it at a path that is there: with
 * an owner, that owner's id on disk is shown as `$uid`. `$creator`: an id on disk that is shown as 0, for a root that makes
 * files there before it gives them away.
 */
export const perlStaging = String.raw`
my $creator;
sub source {
  my ($path, $owner, $group) = @_;
  sysopen(my $f, $path, 010000000) or die "$path: $!\n";
  my $found = readlink('/proc/self/fd/' . fileno($f));
  die "$path: it is $found now; a symbolic link was put in its way\n" if $found ne $path;
  return [$f, $path, $owner, $group];
}
sub place {
  my ($source, $to) = @_;
  my ($f, $path, $owner, $group) = @$source;
  if (-d $f) { mkdir($to) or die "$to: $!\n" } else { put($to, '') }
  if ($owner eq '') { mount('/proc/self/fd/' . fileno($f), $to, '', $BIND | $REC, ''); return }
  my $tree = call("open_tree $path", $OPEN_TREE, fileno($f), my $empty = '', 1 | 0x1000);
  my $ids = mapping($owner, $group);
  my $attributes = pack('Q4', 0x00100000 | $NOSUID | $NODEV, 0, 0, fileno($ids));
  if (syscall($MOUNT_SETATTR, $tree, $empty, 0x1000, $attributes, 32) == -1) { die "idmap $path: $!\n" }
  call("move_mount $path", $MOVE_MOUNT, $tree, $empty, -100, $to, 4);
  close($ids); open(my $t, '<&=', $tree); close($t);
}
# On disk an id of the owner, inside the one that this sandbox runs as.
sub mapping {
  my ($owner, $group) = @_;
  pipe(my $up, my $up_end); pipe(my $down, my $down_end);
  my $child = fork; die "fork: $!\n" unless defined $child;
  if (!$child) { close($down_end); call('unshare', $UNSHARE, $NEWUSER); close($up_end); sysread($down, my $x, 1); exec('/bin/true'); }
  close($up_end); sysread($up, my $x, 1);
  my $map = sub { my ($id) = @_; return "$id $uid 1\n" . (defined $creator ? ($id == $creator ? $creator - 1 : $creator) . " 0 1\n" : '') };
  put("/proc/$child/uid_map", $map->($owner)); put("/proc/$child/gid_map", $map->($group));
  open(my $ids, '<', "/proc/$child/ns/user") or die "user namespace: $!\n";
  close($down_end); waitpid($child, 0);
  return $ids;
}
`;

/** `everyAddressIsLocal`: in the network namespace that it is called in, which must be new. */
export const perlAddresses = String.raw`
sub everyAddressIsLocal {
  my ($outside, $ipv6, $rules, $more) = @_;
  # In the host's own network these routes would lead all of its traffic to itself.
  die "still in the network of the host\n" if !defined $outside || readlink('/proc/self/ns/net') eq $outside;
  open(my $ip, '|-', 'ip', '-batch', '-') or die "ip: $!\n";
  print $ip "link set lo up\naddr add 198.18.255.254/32 dev lo\nroute add local 0.0.0.0/0 dev lo src 198.18.255.254\n";
  print $ip "addr add 2001:2::fffe/128 dev lo nodad\nroute add local ::/0 dev lo src 2001:2::fffe\n" if $ipv6;
  print $ip $more;
  close($ip) or die "ip could not set up the sandbox's network\n";
  # A kernel without nf_tables refuses connections to other ports by itself: nothing listens there.
  if (socket(my $filters, 16, 3, 12)) { send($filters, pack('H*', $rules), 0); close($filters) }
}
`;
