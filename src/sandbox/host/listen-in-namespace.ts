/**
 * A program of its own: run by nsenter in a sandbox's network namespace, it binds the sockets that the sandbox's
 * traffic arrives at, sends them to the server over IPC and ends. It neither listens nor receives: whoever gets a
 * handle does (`net.Server.listen(handle)`, `dgram.Socket.bind(handle)`). Arguments: `::`, or `0.0.0.0` without IPv6; `1`
 * with a socket that the sandbox's agent calls; the descriptor of the socket for all other ports, which is bound already (namespace-listeners.ts says why).
 */
interface RawHandle {
  bind(address: string, port: number): number;
  bind6(address: string, port: number, flags: number): number;
  open(descriptor: number): number;
}

interface RawProcess {
  /** Takes raw handles too (`net.Native`, `dgram.Native`), which its declared type does not say. */
  send(message: object, handle: RawHandle): boolean;
  binding(name: 'tcp_wrap'): { TCP: new (type: number) => RawHandle; constants: { SERVER: number } };
  binding(name: 'udp_wrap'): { UDP: new () => RawHandle };
}

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
/** How many sockets the program sends. */
export const socketCount = (withAgent: boolean) => sockets.length + (withAgent ? 1 : 0);
/** TCP ports that have a listener of their own. */
export const boundPorts = sockets.filter(({ kind }) => kind !== 'dns-udp' && kind !== 'other').map(({ port }) => port);

export function isBoundSocket(value: unknown): value is BoundSocket {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    [...sockets, agentSocket].some(({ kind }) => kind === value.kind)
  );
}

// Only the raw handles can be bound without accepting or receiving; the public classes start at once.
function isRawProcess(value: object): value is RawProcess {
  return 'binding' in value && 'send' in value;
}

const host: object = process;
if (import.meta.main && isRawProcess(host)) {
  const address = process.argv[2] ?? '';
  const tcp = host.binding('tcp_wrap');
  const udp = host.binding('udp_wrap');
  process.once('disconnect', () => process.exit());
  for (const socket of process.argv[3] === '1' ? [...sockets, agentSocket] : sockets) {
    const handle = socket.kind === 'dns-udp' ? new udp.UDP() : new tcp.TCP(tcp.constants.SERVER);
    const error = bind(handle, { ...socket, address });
    if (error !== 0) throw new Error(`cannot bind port ${socket.port} in the sandbox's network: error ${error}`);
    host.send(socket, handle);
  }
}

/** Zero, or the error's number. */
function bind(handle: RawHandle, { kind, port, address }: BoundSocket & { address: string }): number {
  if (kind === 'other') return handle.open(Number(process.argv[4]));
  return address.includes(':') ? handle.bind6(address, port, 0) : handle.bind(address, port);
}
