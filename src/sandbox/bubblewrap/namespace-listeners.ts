import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { StandinError } from '../../errors.ts';
import type { NamespaceListener } from '../driver.ts';
import { isBoundSocket, socketCount } from './listen-in-namespace.ts';
import { collectText, toolEnvironment } from './tools.ts';

const timeoutMs = 10_000;

/**
 * Binds the sockets of a sandbox in the network namespace of the process `pid`, which must be waiting at its gate.
 * The handles are native: they do not accept here, can be sent to another process by `process.send(message, handle)`,
 * and again to the one that replaces it; the caller closes them. `ownUserNamespace`: the namespace was made by an
 * ordinary user, and is entered with its user namespace.
 */
export async function openNamespaceListeners(
  pid: number,
  options: { script: string; ipv6: boolean; ownUserNamespace: boolean },
): Promise<NamespaceListener[]> {
  const names = options.ownUserNamespace ? ['user', 'net'] : ['net'];
  const namespaces = names.map((name) => openSync(`/proc/${pid}/ns/${name}`, 'r'));
  // 0 to 2, then the IPC channel, then the namespaces.
  const enter = names.map((name, index) => `--${name}=/proc/self/fd/${4 + index}`);
  const helper = spawn(
    'nsenter',
    [...enter, '--preserve-credentials', process.execPath, options.script, options.ipv6 ? '::' : '0.0.0.0'],
    { env: toolEnvironment, stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...namespaces] },
  );
  for (const fd of namespaces) closeSync(fd);
  const errors = collectText(helper.stderr);
  const listeners: NamespaceListener[] = [];
  const timer = setTimeout(() => helper.kill('SIGKILL'), timeoutMs);
  try {
    await new Promise<void>((resolve, reject) => {
      helper.on('message', (socket, handle) => {
        if (isBoundSocket(socket)) listeners.push({ ...socket, handle });
        if (listeners.length === socketCount) resolve();
      });
      helper.once('error', reject);
      helper.once('exit', () => reject(new Error(`it ended: ${errors()}`)));
    });
    return listeners;
  } catch (error) {
    closeListeners(listeners);
    throw new StandinError('unavailable', "the sandbox's network could not be opened", { cause: error });
  } finally {
    clearTimeout(timer);
    if (helper.connected) helper.disconnect();
  }
}

/** Lets go of the handles; ones already closed are left as they are. */
export function closeListeners(listeners: NamespaceListener[]): void {
  for (const { handle } of listeners) if (isClosable(handle)) handle.close();
}

function isClosable(handle: unknown): handle is { close(): void } {
  return typeof handle === 'object' && handle !== null && 'close' in handle;
}
