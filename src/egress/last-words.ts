import type { Socket } from 'node:net';
import { holdConnection } from './context.ts';
import type { EgressContext } from './context.ts';

/** The client's remaining bytes are read and thrown away this long, lest a reset takes our last ones away from it. */
const lingerMs = 2_000;

/** Writes these bytes and closes the connection, whose sandbox has had its row. */
export function endWith(context: Pick<EgressContext, 'connections'>, socket: Socket, bytes: Buffer): void {
  if (socket.destroyed) return;
  holdConnection(context, socket, { sandboxId: null, limitMs: lingerMs });
  socket.on('end', () => socket.destroySoon());
  socket.end(bytes);
  socket.resume();
}
