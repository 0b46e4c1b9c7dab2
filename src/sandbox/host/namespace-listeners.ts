import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { StandinError } from '../../errors.ts';
import type { NamespaceListener } from '../driver.ts';
import { isBoundSocket, socketCount, transparentPort } from './listen-in-namespace.ts';
import { collectText, toolEnvironment } from './tools.ts';

const timeoutMs = 10_000;

/**
 * Binds the socket for all other ports and becomes the program that binds the rest. Packets to addresses and ports that it is
 * not bound to are led to it (other-ports.ts), so it has IP_TRANSPARENT (ip(7)) or IPV6_TRANSPARENT, which Node cannot set.
 * Arguments: `1` with IPv6, the port, the words of the program; the descriptor is added to them.
 */
const bindTransparent = String.raw`
use strict; use warnings;
my ($ipv6, $port, @program) = @ARGV;
$^F = 255; # stays open for the program
socket(my $s, $ipv6 ? 10 : 2, 1, 0) or die "socket: $!\n";
setsockopt($s, 1, 2, pack('i', 1)) or die "SO_REUSEADDR: $!\n";
setsockopt($s, $ipv6 ? 41 : 0, $ipv6 ? 75 : 19, pack('i', 1)) or die "IP_TRANSPARENT: $!\n";
if ($ipv6) { setsockopt($s, 41, 26, pack('i', 0)) or die "IPV6_V6ONLY: $!\n" }
bind($s, $ipv6 ? pack('S n x20 x4', 10, $port) : pack('S n x4 x8', 2, $port)) or die "bind: $!\n";
exec(@program, fileno($s)) or die "$program[0]: $!\n";
`;

export interface NamespaceSockets {
  listeners: NamespaceListener[];
  /** The handle of the socket that the agent calls, or null. */
  agent: unknown;
}

/**
 * Binds the sockets of a sandbox in the network namespace of the process `pid`, which must be waiting at its gate.
 * The handles are native: they do not accept here, can be sent to another process by `process.send(message, handle)`,
 * and again to the one that replaces it; the caller closes them. `ownUserNamespace`: the namespace was made by an
 * ordinary user, and is entered with its user namespace. `withAgent`: a socket that the sandbox's agent calls is bound too.
 */
export async function openNamespaceListeners(
  pid: number,
  options: { script: string; ipv6: boolean; ownUserNamespace: boolean; withAgent?: boolean },
): Promise<NamespaceSockets> {
  const withAgent = options.withAgent === true;
  const names = options.ownUserNamespace ? ['user', 'net'] : ['net'];
  const namespaces = names.map((name) => openSync(`/proc/${pid}/ns/${name}`, 'r'));
  // 0 to 2, then the IPC channel, then the namespaces.
  const enter = names.map((name, index) => `--${name}=/proc/self/fd/${4 + index}`);
  const helper = spawn(
    'nsenter',
    [
      ...enter,
      '--preserve-credentials',
      'perl',
      '-e',
      bindTransparent,
      options.ipv6 ? '1' : '',
      String(transparentPort),
      process.execPath,
      options.script,
      options.ipv6 ? '::' : '0.0.0.0',
      withAgent ? '1' : '',
    ],
    { env: toolEnvironment, stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...namespaces] },
  );
  for (const fd of namespaces) closeSync(fd);
  const errors = collectText(helper.stderr);
  const listeners: NamespaceListener[] = [];
  let agent: unknown = null;
  const timer = setTimeout(() => helper.kill('SIGKILL'), timeoutMs);
  try {
    await new Promise<void>((resolve, reject) => {
      helper.on('message', (socket, handle) => {
        if (!isBoundSocket(socket)) return;
        if (socket.kind === 'agent') agent = handle;
        else listeners.push({ ...socket, handle });
        if (listeners.length + (agent === null ? 0 : 1) === socketCount(withAgent)) resolve();
      });
      // Kept after the first: an error that nobody listens to ends the server.
      helper.on('error', reject);
      helper.once('exit', () => reject(new Error(`it ended: ${errors()}`)));
    });
    return { listeners, agent };
  } catch (error) {
    closeListeners(listeners);
    closeHandle(agent);
    throw new StandinError('unavailable', "the sandbox's network could not be opened", { cause: error });
  } finally {
    clearTimeout(timer);
    if (helper.connected) helper.disconnect();
  }
}

/** Lets go of the handles; ones already closed are left as they are. */
export function closeListeners(listeners: NamespaceListener[]): void {
  for (const { handle } of listeners) closeHandle(handle);
}

function closeHandle(handle: unknown): void {
  if (isClosable(handle)) handle.close();
}

function isClosable(handle: unknown): handle is { close(): void } {
  return typeof handle === 'object' && handle !== null && 'close' in handle;
}
