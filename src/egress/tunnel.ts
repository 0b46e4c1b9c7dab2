import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { parseAddress } from '../net/address.ts';
import { parseHostname } from '../net/hostname.ts';
import type { Authority } from '../net/hostname.ts';
import { ClientConnection } from './client-connection.ts';
import { Http2ClientConnection } from './http2-client-connection.ts';
import type { EgressContext, TrackedConnection } from './context.ts';
import { sniff } from './listeners/sniff.ts';
import { maxClientHello, readClientHello } from './wire/client-hello.ts';

/** What is known of a byte stream that wants to reach one host. */
export interface TunnelOrigin {
  readonly sandboxId: string;
  /** The name that CONNECT asked for. */
  readonly connect: Authority | null;
  /** The address that was dialled inside the namespace, and the name under which its resolver gave it out. */
  readonly dialled: { readonly address: string; readonly port: number; readonly name: string | null } | null;
}

const handshakeLimitMs = 15_000;
const tlsHandshakeRecord = 0x16;
/** By our preference: HTTP/2 for those that speak nothing else, since a request costs less in HTTP/1.1. */
const originProtocols = ['http/1.1', 'h2'];
/** Of the proxy itself. */
const proxyProtocols = ['http/1.1'];

/** Looks at the first bytes of a tunnel and serves what they are: TLS, which is ended here, or HTTP. */
export function openTunnel(context: EgressContext, socket: Socket, origin: TunnelOrigin): void {
  sniff(
    context,
    socket,
    (first) => {
      socket.unshift(first);
      if (first[0] === tlsHandshakeRecord) endTls(context, socket, { origin, first });
      else ClientConnection.serve(context, socket, { mode: 'origin', ...origin, tls: null });
    },
    {
      sandboxId: origin.sandboxId,
      enough: (bytes) => bytes[0] !== tlsHandshakeRecord || readClientHello(bytes).kind !== 'more',
    },
  );
}

function endTls(context: EgressContext, socket: Socket, input: { origin: TunnelOrigin; first: Buffer }): void {
  const { origin } = input;
  const hello = readClientHello(input.first.subarray(0, maxClientHello * 2));
  if (hello.kind !== 'hello') {
    socket.destroy();
    return;
  }
  const serverName = hello.serverName === null ? null : parseHostname(hello.serverName);
  // A name that is none gets no certificate; the host that CONNECT or the dialled address names stands in for a
  // missing one, as it does with a client that connects to an address.
  const host = hello.serverName === null ? hostWithoutServerName(origin) : serverName;
  if (host === null) {
    socket.destroy();
    return;
  }
  secure(context, socket, { host, sandboxId: origin.sandboxId, offers: originProtocols }, (secured) => {
    const client = secured.alpnProtocol === 'h2' ? Http2ClientConnection : ClientConnection;
    client.serve(context, secured, { mode: 'origin', ...origin, tls: { serverName } });
  });
}

function hostWithoutServerName(origin: TunnelOrigin): string | null {
  if (origin.connect !== null) return origin.connect.host;
  if (origin.dialled === null) return null;
  return origin.dialled.name ?? origin.dialled.address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** TLS on the proxy's own port: the certificate is for the name, or the local address, that the client asks for. */
export function wrapProxyTls(context: EgressContext, socket: Socket, serve: (secured: TLSSocket) => void): void {
  sniff(
    context,
    socket,
    (first) => {
      socket.unshift(first);
      const hello = readClientHello(first);
      const asked = hello.kind === 'hello' && hello.serverName !== null ? parseHostname(hello.serverName) : null;
      const local = (socket.localAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
      const host = asked ?? (parseAddress(local) === null ? null : local);
      if (hello.kind !== 'hello' || host === null) socket.destroy();
      else secure(context, socket, { host, sandboxId: null, offers: proxyProtocols }, serve);
    },
    { enough: (bytes) => readClientHello(bytes).kind !== 'more' },
  );
}

/** Ends TLS on `socket` with a leaf for `host`; closes it where there is none to be had. */
function secure(
  context: EgressContext,
  socket: Socket,
  client: { host: string; sandboxId: string | null; offers: readonly string[] },
  serve: (secured: TLSSocket) => void,
): void {
  const onError = () => socket.destroy();
  socket.on('error', onError);
  const ready = context.contexts.get(client.host);
  if (ready !== undefined) {
    handshake(context, socket, { ...client, secureContext: ready, serve });
    return;
  }
  context.contexts.load(client.host).then(
    (secureContext) => handshake(context, socket, { ...client, secureContext, serve }),
    (error: unknown) => {
      context.log.error({ err: error, host: client.host }, 'no certificate could be made');
      socket.destroy();
    },
  );
}

function handshake(
  context: EgressContext,
  socket: Socket,
  client: {
    sandboxId: string | null;
    offers: readonly string[];
    secureContext: SecureContext;
    serve: (secured: TLSSocket) => void;
  },
): void {
  if (socket.destroyed) return;
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: client.secureContext,
    ALPNProtocols: [...client.offers],
  });
  const tracked: TrackedConnection = {
    sandboxId: client.sandboxId,
    deadline: Date.now() + handshakeLimitMs,
    expire: () => secured.destroy(),
    drain: () => secured.destroy(),
    destroy: () => secured.destroy(),
  };
  const fail = () => secured.destroy();
  const stop = () => {
    context.connections.delete(tracked);
    secured.off('close', stop);
    secured.off('error', fail);
  };
  context.connections.add(tracked);
  secured.on('error', fail);
  // Without a tls.Server a record that does not decrypt is told by this event alone (node:_tls_wrap).
  secured.on('_tlsError', fail);
  secured.on('close', stop);
  secured.once('secure', () => {
    stop();
    client.serve(secured);
  });
}
