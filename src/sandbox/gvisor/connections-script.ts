/**
 * A piece of the keeper, in Perl: the TCP connections between the sandbox and the outside, and how they are ended. The
 * network stack that gVisor keeps cannot be written to disk while one of them is open, nor during TIME-WAIT, and an attempt
 * ends the sandbox; so it must be known for certain that there is none.
 *
 * Every segment with SYN, FIN or RST is seen at the outer interface (packet(7)). `resetAll` asks about each connection with a
 * segment that is none of it (RFC 9293, 3.10.7.4): an endpoint that is there answers with its own numbers, and is reset with
 * them; where there is none, a reset comes back, and the connection is forgotten. TIME-WAIT ends by itself (60 s), and is not
 * ended by a reset (RFC 1337). gVisor says nothing for 500 ms after it has answered a segment that it did not expect, be it
 * only a FIN that came twice; the patient wait for longer than that.
 */
export const perlConnections = String.raw`
my ($FIN, $SYN, $RST, $ACK) = (1, 2, 4, 16);
my %open; # what tells it from others => [family, sandbox address, port, remote address, port, first number, answered, when it began to end, number that a reset needs]
my ($watch, $out, $outIndex);
my ($ours, $theirs) = map { pack('H*', s/://gr) } ($host_mac, $sandbox_mac);

# A packet socket on an interface; with a filter, segments that begin or end a connection.
sub tap {
  my ($name, $filtered) = @_;
  socket(my $tap, 17, 3, 0) or die "packet socket: $!\n";
  my $request = pack('a16 x24', $name);
  ioctl($tap, 0x8933, $request) or die "$name: $!\n";
  $outIndex = unpack('x16 i', $request);
  if ($filtered) {
    # ether[12:2]; IPv4: protocol, header length, flags; IPv6: next header, flags
    my @filter = (
      [0x28, 0, 0, 12], [0x15, 1, 0, 0x800], [0x15, 5, 10, 0x86dd],
      [0x30, 0, 0, 23], [0x15, 0, 8, 6], [0xb1, 0, 0, 14], [0x50, 0, 0, 27], [0x45, 4, 5, 7],
      [0x30, 0, 0, 20], [0x15, 0, 3, 6], [0x30, 0, 0, 67], [0x45, 0, 1, 7], [0x06, 0, 0, 128], [0x06, 0, 0, 0],
    );
    my $program = join('', map { pack('S C C L', @$_) } @filter);
    setsockopt($tap, 1, 26, pack('S x6 P', scalar(@filter), $program)) or die "packet filter: $!\n";
  }
  setsockopt($tap, 1, 33, pack('i', 4 << 20)); # SO_RCVBUFFORCE
  bind($tap, pack('S n i S C C a8', 17, 3, $outIndex, 0, 0, 0, '')) or die "packet socket: $!\n";
  return $tap;
}

# [from the sandbox, key, connection, flags, sequence number, acknowledged number] of a frame, or nothing.
sub segment {
  my ($frame) = @_;
  return if length($frame) < 54;
  my ($from, $type) = unpack('x6 a6 n', $frame);
  my $inner = $from eq $theirs;
  my ($source, $target, $at);
  if ($type == 0x800) { return if ord(substr($frame, 23, 1)) != 6; ($source, $target) = unpack('x26 a4 a4', $frame); $at = 14 + 4 * (ord(substr($frame, 14, 1)) & 15) }
  elsif ($type == 0x86dd) { return if ord(substr($frame, 20, 1)) != 6; ($source, $target) = unpack('x22 a16 a16', $frame); $at = 54 }
  else { return }
  return if length($frame) < $at + 14;
  my ($port, $to, $number, $acknowledged, $flags) = unpack('n n N N x C', substr($frame, $at));
  my @ends = $inner ? ($source, $port, $target, $to) : ($target, $to, $source, $port);
  return [$inner, join('/', unpack('H*', $ends[0]), $ends[1], unpack('H*', $ends[2]), $ends[3]), [$type, @ends], $flags, $number, $acknowledged];
}

sub noteAll {
  my ($tap) = @_;
  while (defined(recv($tap, my $frame, 128, 0x40))) {
    my $seen = segment($frame) or next;
    my ($inner, $key, $connection, $flags, $number) = @$seen;
    if ($flags & $SYN) {
      if ($inner) { $open{$key} = [@$connection, $number, 0, 0] }
      elsif ($open{$key}) { $open{$key}->[6] = 1 }
      else { $open{$key} = [@$connection, 0, 1, 0] }
      prune() if keys(%open) % 1024 == 0;
    }
    elsif (!$open{$key}) { next }
    elsif ($flags & $RST && $inner) { delete $open{$key} }
    # What began to end from inside, or was reset, is gone after TIME-WAIT; what only the other end closed may stay for ever.
    elsif ($flags & $RST || $inner) { $open{$key}->[7] = time }
  }
}
sub prune { my $now = time; for my $key (keys %open) { my $ended = $open{$key}->[7]; delete $open{$key} if $ended && $now - $ended > 130 } }

sub checksum { my ($text) = @_; $text .= "\0" if length($text) % 2; my $sum = unpack('%32n*', $text); $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16; return ~$sum & 0xffff }

# A segment to the sandbox as from the other end of a connection.
sub segmentTo {
  my ($connection, $flags, $number, $acknowledged) = @_;
  my ($type, $inner, $port, $outer, $from) = @$connection;
  my $tcp = pack('n n N N C C n n n', $from, $port, $number, $acknowledged, 5 << 4, $flags, 1024, 0, 0);
  my $sum = checksum($outer . $inner . ($type == 0x800 ? pack('C C n', 0, 6, 20) : pack('N N', 20, 6)) . $tcp);
  substr($tcp, 16, 2) = pack('n', $sum);
  my $ip = $type == 0x800
    ? pack('C C n n n C C n a4 a4', 0x45, 0, 40, 0, 0, 64, 6, 0, $outer, $inner)
    : pack('N n C C a16 a16', 6 << 28, 20, 6, 64, $outer, $inner);
  substr($ip, 10, 2) = pack('n', checksum($ip)) if $type == 0x800;
  send($out, $theirs . $ours . pack('n', $type) . $ip . $tcp, 0, pack('S n i S C C a8', 17, 3, $outIndex, 0, 0, 6, $theirs));
}

# Asks one. What it answered before it is told again: that may have been lost.
sub ask {
  my ($connection) = @_;
  segmentTo($connection, $RST | $ACK, 0, ($connection->[5] + 1) & 0xffffffff) if !$connection->[6];
  segmentTo($connection, $RST, $connection->[8], 0) if defined $connection->[8];
  segmentTo($connection, $ACK, int(rand(2 ** 32)), int(rand(2 ** 32)));
}

# How many connections are left. Sixteen are asked at a time: gVisor loses what comes faster than it reads.
sub resetAll {
  my ($patient) = @_;
  noteAll($watch);
  return 0 unless %open;
  $out = tap('host0', 0);
  my %silent = map { $_ => 1 } keys %open;
  # Seconds that are waited for those that say nothing, however many; another call begins with others.
  my $budget = $patient ? 2 : 0.3;
  for my $round (1 .. 20) {
    last if $budget <= 0 || $round > 3 && !($patient && %silent);
    my @next = keys(%{$round > 3 ? \%silent : \%open});
    push(@next, splice(@next, 0, int(rand(@next))));
    my (%wait, $left);
    while ($budget > 0 && (@next || %wait)) {
      while (@next && keys(%wait) < 16) { my $key = pop(@next); ask($open{$key}); $wait{$key} = 1; $left = 0.03 }
      my $bits = ''; vec($bits, fileno($out), 1) = 1;
      my $before = $left;
      (my $found, $left) = select($bits, undef, undef, $left);
      $budget -= $before - $left;
      if (!$found || $left <= 0) { %wait = (); next }
      recv($out, my $frame, 128, 0x40);
      my $seen = segment($frame) or next;
      my ($inner, $key, undef, $flags, undef, $acknowledged) = @$seen;
      next unless $inner && $open{$key};
      if ($flags & $RST) { delete $open{$key} }
      elsif ($flags & $ACK) { $open{$key}->[8] = $acknowledged; segmentTo($open{$key}, $RST, $acknowledged, 0) }
      else { next }
      delete $wait{$key}; delete $silent{$key};
    }
    last unless %open;
  }
  close($out);
  return scalar(keys %open);
}
`;
