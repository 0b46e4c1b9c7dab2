import type { Socket } from 'node:net';
import type { EgressContext, TrackedConnection } from '../context.ts';

const firstBytesLimitMs = 30_000;

/**
 * Collects a connection's first bytes until `read` is content with them. The socket is paused when `read` is called and
 * what was collected is the reader's to `unshift`. A connection that says nothing for 30 seconds is closed.
 */
export function sniff(
  context: EgressContext,
  socket: Socket,
  read: (bytes: Buffer) => void,
  options: { sandboxId?: string; enough?: (bytes: Buffer) => boolean } = {},
): void {
  if (socket.destroyed) return;
  let held: Buffer | null = null;
  const tracked: TrackedConnection = {
    sandboxId: options.sandboxId ?? null,
    deadline: Date.now() + firstBytesLimitMs,
    expire: () => socket.destroy(),
    drain: () => socket.destroy(),
    destroy: () => socket.destroy(),
  };
  const stop = () => {
    context.connections.delete(tracked);
    socket.off('data', onData);
    socket.off('close', stop);
    socket.off('end', onEnd);
    socket.off('error', onError);
  };
  const onError = () => socket.destroy();
  const onEnd = () => socket.destroy();
  const onData = (chunk: Buffer) => {
    held = held === null ? chunk : Buffer.concat([held, chunk]);
    if (options.enough !== undefined && !options.enough(held)) return;
    socket.pause();
    stop();
    read(held);
  };
  context.connections.add(tracked);
  socket.on('data', onData);
  socket.on('close', stop);
  socket.on('end', onEnd);
  socket.on('error', onError);
  socket.resume();
}
