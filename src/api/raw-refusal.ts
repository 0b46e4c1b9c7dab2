import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../errors.ts';
import { problem } from './problems.ts';

/** An error envelope for a connection whose request never became one; the connection ends with it. */
export function writeRefusal(socket: Duplex, code: ErrorCode, message: string): void {
  if (!socket.writable) return void socket.destroy();
  const { status, body } = problem(code, message);
  const text = JSON.stringify(body);
  socket.write(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n` +
      `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${text}`,
  );
  endGently(socket);
}

/** How long the other side has to end too, in milliseconds. */
const lingerMs = 2000;

/** Ends our side and waits for the other's, which shows only by reading; what comes meanwhile is dropped. */
export function endGently(socket: Duplex): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
