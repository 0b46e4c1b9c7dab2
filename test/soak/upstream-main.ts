import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { listenOnLoopback } from '../support/ports.ts';
import { Capture } from './capture.ts';
import type { FromUpstreams, ToUpstreams } from './upstream-messages.ts';
import { http1Upstream } from './upstream-http1.ts';
import { http2Upstream } from './upstream-http2.ts';
import { Watch } from './upstream-watch.ts';

/** The process of the upstreams: one port for HTTP/1.1, one for HTTP/2, one that never fails by itself. */

/** Of so many connections one is reset before its handshake, and one in it. */
const oneInAccepted = 120;
const oneInHello = 80;

function tell(message: FromUpstreams): void {
  if (process.connected) process.send?.(message);
}

let watch: Watch | null = null;
let capture: Capture | null = null;

async function start(message: Extract<ToUpstreams, { type: 'start' }>): Promise<void> {
  capture = new Capture(message.captureDirectory);
  watch = new Watch(tell, { capture, seed: message.seed });
  const http1 = http1Upstream(message, watch);
  const http2 = http2Upstream(message, watch);
  for (const server of [http1, http2]) server.on('tlsClientError', () => undefined);
  tell({
    type: 'listening',
    http1: await listenOnLoopback(inFrontOf(http1, { watch, chaos: message.chaos })),
    http2: await listenOnLoopback(inFrontOf(http2, { watch, chaos: message.chaos })),
    steady: await listenOnLoopback(inFrontOf(http1, { watch, chaos: false })),
  });
}

function inFrontOf(
  tls: { emit(event: 'connection', socket: Socket): boolean },
  { watch: by, chaos }: { watch: Watch; chaos: boolean },
): Server {
  return createServer((socket) => {
    socket.on('error', () => undefined);
    if (chaos && by.random.once(oneInAccepted)) {
      by.resets += 1;
      socket.resetAndDestroy();
    } else if (chaos && by.random.once(oneInHello)) {
      by.resets += 1;
      socket.once('data', () => socket.resetAndDestroy());
    } else {
      tls.emit('connection', socket);
    }
  });
}

process.on('message', (message: ToUpstreams) => {
  if (message.type === 'start') {
    void start(message);
    return;
  }
  watch?.flush();
  capture?.close();
  tell({ type: 'stopped', received: watch?.received ?? 0, resets: watch?.resets ?? 0 });
  process.disconnect?.();
});
// An interrupt at the terminal is for the run, which ends this process when it has heard the rest.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
