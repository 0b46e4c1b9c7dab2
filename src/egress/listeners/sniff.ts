import type { Socket } from 'node:net';
import { holdConnection } from '../context.ts';
import type { EgressContext } from '../context.ts';

const firstBytesLimitMs = 30_000;

/**
 * Collects a connection's first bytes until `read` is content with them. The socket is paused when `read` is called and
 * what was collected is the reader's to `unshift`. A connection that says too little for 30 seconds is closed. `gone`: it
 * closed, by whichever side, before it had said enough.
 */
export function sniff(
  context: EgressContext,
  socket: Socket,
  read: (bytes: Buffer) => void,
  options: { sandboxId?: string; enough?: (bytes: Buffer) => boolean; gone?: () => void } = {},
): void {
  const { enough, gone } = options;
  if (socket.destroyed) {
    gone?.();
    return;
  }
  let held: Buffer | null = null;
  const release = holdConnection(context, socket, {
    sandboxId: options.sandboxId ?? null,
    limitMs: firstBytesLimitMs,
  });
  const stop = () => {
    release();
    socket.off('data', onData);
    socket.off('close', onClose);
    socket.off('end', onEnd);
  };
  const onEnd = () => socket.destroy();
  const onClose = () => {
    stop();
    gone?.();
  };
  const onData = (chunk: Buffer) => {
    held = held === null ? chunk : Buffer.concat([held, chunk]);
    if (enough !== undefined && !enough(held)) return;
    socket.pause();
    stop();
    read(held);
  };
  socket.on('data', onData);
  socket.on('close', onClose);
  socket.on('end', onEnd);
  socket.resume();
}
