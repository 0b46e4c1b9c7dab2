import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { ConnectionClosed, readBody, readBytes, readHead } from './http-bytes.ts';
import type { Head } from './http-bytes.ts';
import { listenOnLoopback } from './ports.ts';
import { sized } from './replies.ts';
import type { Reply } from './replies.ts';

/** An HTTP/1.1 upstream without TLS. */
export interface PlainUpstream {
  port: number;
  /** Every head that came, to the byte. */
  heads: string[];
  stop(): Promise<void>;
}

/** Listens on a loopback port of the system's choice. Without `respond`: 200 and `plain`. */
export async function startPlainUpstream(
  respond: (head: Head) => Reply = () => sized(200, 'plain'),
): Promise<PlainUpstream> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    const reader = readBytes(socket);
    void (async () => {
      for (;;) {
        const head = await readHead(reader);
        await readBody(reader, head, 'none');
        heads.push(head.bytes.toString('latin1'));
        for await (const bytes of respond(head).bytes) socket.write(bytes);
      }
    })().catch((error: unknown) => {
      if (!(error instanceof ConnectionClosed)) throw error;
      socket.destroy();
    });
  });
  return {
    port: await listenOnLoopback(server),
    heads,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
