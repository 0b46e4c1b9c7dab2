/**
 * A program of its own: run by nsenter in a sandbox's network namespace, it binds the sockets that the sandbox's
 * traffic arrives at, sends them to the server over IPC and ends. It neither listens nor receives: whoever gets a
 * handle does (`net.Server.listen(handle)`, `dgram.Socket.bind(handle)`). Argument: `::`, or `0.0.0.0` without IPv6.
 */
interface RawHandle {
  bind(address: string, port: number): number;
  bind6(address: string, port: number, flags: number): number;
}

interface RawHandles {
  binding(name: 'tcp_wrap'): { TCP: new (type: number) => RawHandle; constants: { SERVER: number } };
  binding(name: 'udp_wrap'): { UDP: new () => RawHandle };
}

const sockets = [
  { kind: 'http', port: 80 },
  { kind: 'https', port: 443 },
  { kind: 'proxy', port: 3128 },
  { kind: 'dns-tcp', port: 53 },
  { kind: 'dns-udp', port: 53 },
] as const;

export type BoundSocket = (typeof sockets)[number];
export const socketCount = sockets.length;

if (import.meta.main) {
  const address = process.argv[2] ?? '';
  // Only the raw handles can be bound without accepting or receiving; the public classes start at once.
  const { binding } = process as unknown as RawHandles;
  const { TCP, constants } = binding('tcp_wrap');
  const { UDP } = binding('udp_wrap');
  process.once('disconnect', () => process.exit());
  for (const socket of sockets) {
    const handle = socket.kind === 'dns-udp' ? new UDP() : new TCP(constants.SERVER);
    const error = address.includes(':') ? handle.bind6(address, socket.port, 0) : handle.bind(address, socket.port);
    if (error !== 0) throw new Error(`cannot bind port ${socket.port} in the sandbox's network: error ${error}`);
    process.send?.(socket, handle as never);
  }
}
