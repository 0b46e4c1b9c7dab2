import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ClientConnection } from '../client-connection.ts';
import type { EgressContext } from '../context.ts';
import { wrapProxyTls } from '../tunnel.ts';
import { sniff } from './sniff.ts';

/**
 * The proxy for sandboxes run elsewhere: CONNECT and absolute-form, each request with `Proxy-Authorization`; plain or
 * TLS, told apart by the first byte.
 */
export function createProxyListener(context: EgressContext): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sniff(context, socket, (first) => {
      socket.unshift(first);
      if (first[0] === 0x16) wrapProxyTls(context, socket, (secured) => serveProxy(context, secured));
      else serveProxy(context, socket);
    });
  });
}

function serveProxy(context: EgressContext, socket: Socket): void {
  ClientConnection.serve(context, socket, { mode: 'proxy', sandboxId: null, tls: null, connect: null, dialled: null });
}
