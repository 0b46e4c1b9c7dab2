import type { Duplex } from 'node:stream';
import type { Http2Connection } from '../../../../src/egress/wire/http2/connection.ts';

/**
 * Puts a connection onto a socket, for tests: what comes in goes to `receive`, what is to go out is flushed once a turn, and
 * back-pressure works in both directions. Returns what a handler's `onOutput` is to call.
 */
export function attachSocket(socket: Duplex, connection: () => Http2Connection): { onOutput: () => void } {
  const write = (lent: Buffer) => (socket.writable ? socket.write(Buffer.from(lent)) : true);
  const flush = () => {
    connection().flush(write);
    if (!connection().wantsInput) socket.pause();
  };
  socket.on('data', (chunk: Buffer) => {
    const lent = Buffer.from(chunk);
    const fault = connection().receive(lent);
    // Whoever keeps a lent buffer is found out.
    lent.fill(0xff);
    if (fault === null) return;
    connection().flush(write);
    socket.end();
  });
  socket.on('drain', () => {
    connection().drained();
    if (connection().wantsInput) socket.resume();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => connection().end('the socket was closed'));
  return { onOutput: () => queueMicrotask(flush) };
}
