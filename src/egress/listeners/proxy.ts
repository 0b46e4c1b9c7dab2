import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ClientConnection } from '../client-connection.ts';
import type { EgressContext } from '../context.ts';
import { endWith } from '../last-words.ts';
import { wrapProxyTls } from '../tunnel.ts';
import { sniff } from './sniff.ts';
import { serveSocks, socks4Version, socks5Version } from './socks.ts';
import { socks4Refusal } from './socks5.ts';

/**
 * The proxy for sandboxes run elsewhere: CONNECT and absolute-form, each request with `Proxy-Authorization`, plain or in
 * TLS; and SOCKS 5. The first byte tells them apart.
 */
export function createProxyListener(context: EgressContext): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => serveProxyPort(context, socket, null));
}

/** `sandboxId`: who calls, where the listener says it; null: the client does. */
export function serveProxyPort(context: EgressContext, socket: Socket, sandboxId: string | null): void {
  sniff(
    context,
    socket,
    (first) => {
      const kind = first[0];
      if (kind !== tlsHandshakeRecord && kind !== socks5Version && kind !== socks4Version) {
        serveProxy(context, socket, sandboxId).begin(first);
        return;
      }
      socket.unshift(first);
      if (kind === tlsHandshakeRecord)
        wrapProxyTls(context, socket, (secured) => serveProxy(context, secured, sandboxId));
      else if (kind === socks5Version) serveSocks(context, socket, sandboxId);
      else endWith(context, socket, socks4Refusal);
    },
    sandboxId === null ? {} : { sandboxId },
  );
}

const tlsHandshakeRecord = 0x16;

function serveProxy(context: EgressContext, socket: Socket, sandboxId: string | null): ClientConnection {
  return ClientConnection.serve(context, socket, { mode: 'proxy', sandboxId, tls: null, connect: null, dialled: null });
}
