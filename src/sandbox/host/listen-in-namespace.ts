/**
 * The sockets that a sandbox's traffic arrives at, bound in its network namespace by Perl (perl-parts.ts says why), which is
 * there already or enters it, and sent to the server over Node's IPC. They neither listen nor receive: whoever gets a handle
 * does (`net.Server.listen(handle)`, `dgram.Socket.bind(handle)`).
 */

/** Where the socket for other ports is bound: below 1024, so that nothing inside can have it. */
export const transparentPort = 1;

/** Where an agent that calls finds the server, at the address of the sandbox's name server. */
export const agentPort = 2;

const agentSocket = { kind: 'agent', port: agentPort } as const;
const sockets = [
  { kind: 'http', port: 80 },
  { kind: 'https', port: 443 },
  { kind: 'proxy', port: 3128 },
  { kind: 'dns-tcp', port: 53 },
  { kind: 'dns-udp', port: 53 },
  { kind: 'other', port: transparentPort },
] as const;

export type BoundSocket = (typeof sockets)[number] | typeof agentSocket;
/** TCP ports that have a listener of their own. */
export const boundPorts = sockets.filter(({ kind }) => kind !== 'dns-udp' && kind !== 'other').map(({ port }) => port);

/** What is to be bound, as `sendSockets` is told it. */
export function socketsToBind({ withAgent }: { withAgent: boolean }): string {
  return (withAgent ? [...sockets, agentSocket] : sockets).map(({ kind, port }) => `${kind}:${port}`).join(',');
}

export function isBoundSocket(value: unknown): value is BoundSocket {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    [...sockets, agentSocket].some(({ kind }) => kind === value.kind)
  );
}

/**
 * `sendSockets` binds what is named, in the network namespace that it is called in, and sends each with a message that says
 * which it is; `message` sends a message alone. To packets to addresses and ports that it is not bound to, which are led to it
 * (other-ports.ts), the socket `other` answers by IP_TRANSPARENT (ip(7)) or IPV6_TRANSPARENT. Messages are those of Node's IPC
 * with `serialization: 'json'`: a line each, and a handle comes with a line of the command NODE_HANDLE (lib/internal/child_process.js).
 * Standard output is the channel. Needs `perlSystemCalls` (perl-parts.ts).
 */
export const perlSockets = String.raw`
sub message { syswrite(STDOUT, "$_[0]\n") or die "channel: $!\n" }
sub sendSockets {
  my ($request, $ipv6, $sockets) = @_;
  for my $socket (split(/,/, $sockets)) {
    my ($kind, $port) = split(/:/, $socket);
    my $udp = $kind eq 'dns-udp';
    # SOCK_NONBLOCK, as Node has its sockets.
    socket(my $s, $ipv6 ? 10 : 2, ($udp ? 2 : 1) | 2048, 0) or die "socket: $!\n";
    if (!$udp) { setsockopt($s, 1, 2, pack('i', 1)) or die "SO_REUSEADDR: $!\n" }
    if ($kind eq 'other') { setsockopt($s, $ipv6 ? 41 : 0, $ipv6 ? 75 : 19, pack('i', 1)) or die "IP_TRANSPARENT: $!\n" }
    if ($ipv6) { setsockopt($s, 41, 26, pack('i', 0)) or die "IPV6_V6ONLY: $!\n" }
    bind($s, $ipv6 ? pack('S n x20 x4', 10, $port) : pack('S n x4 x8', 2, $port)) or die "bind to $port: $!\n";
    my $type = $udp ? 'dgram.Native' : 'net.Native';
    my $text = qq({"cmd":"NODE_HANDLE","type":"$type","msg":{"request":$request,"kind":"$kind","port":$port}}\n);
    my $part = pack('P Q', $text, length($text));
    # struct cmsghdr: SOL_SOCKET, SCM_RIGHTS, the descriptor.
    my $rights = pack('Q i3 x4', 20, 1, 1, fileno($s));
    my $message = pack('Q2 P Q P Q2', 0, 0, $part, 1, $rights, length($rights), 0);
    call('sendmsg', $SENDMSG, 1, $message, 0) == length($text) or die "channel: a message was cut\n";
  }
}
`;
