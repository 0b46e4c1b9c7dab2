import type { Socket } from 'node:net';
import { parseAddress } from '../net/address.ts';
import { parseHostname } from '../net/hostname.ts';
import { ClientConnection } from './client-connection.ts';
import { recordOf } from './connection-rows.ts';
import { holdConnection } from './context.ts';
import type { EgressContext } from './context.ts';
import { readFirstBytes } from './first-bytes.ts';
import { Http2ClientConnection } from './http2-client-connection.ts';
import { http2Refusal, unspokenHttp2 } from './http2-refusal.ts';
import { endWith } from './last-words.ts';
import { sniff } from './listeners/sniff.ts';
import { PassThrough } from './pass-through.ts';
import type { SandboxEntry } from './registry.ts';
import { arrivalOf, resolveDestination } from './target.ts';
import type { Origin } from './target.ts';
import { tlsAlert } from './tls/alert.ts';
import { terminateTls } from './tls/terminate.ts';
import type { Share } from './turns.ts';
import { ClientHelloReader } from './wire/client-hello.ts';
import type { ClientHello } from './wire/client-hello.ts';

/** What is known of a byte stream that wants to reach one host. */
export interface TunnelOrigin extends Origin {
  readonly sandboxId: string;
}

/** By our preference: HTTP/2 for those that speak nothing else, since a request costs less in HTTP/1.1. */
const originProtocols = ['http/1.1', 'h2'];
/** Of the proxy itself. */
const proxyProtocols = ['http/1.1'];
/** Rules that a connection waits for: the control plane answers, or does not, before. */
const rulesLimitMs = 15_000;

/**
 * Looks at the first bytes of a tunnel and serves what they are: HTTP, or TLS, which is ended here or passed through
 * unopened as the sandbox's rules have it. Anything else is closed at once, without an answer, since none that we could
 * give would be in its protocol; the row says why.
 */
export function openTunnel(context: EgressContext, socket: Socket, origin: TunnelOrigin): void {
  const { sandboxId } = origin;
  if (context.turns.isFull(sandboxId)) {
    recordTunnel(context, origin, { verdict: 'blocked', matchRule: 'too_many_connections' });
    socket.destroy();
    return;
  }
  const share = context.turns.holdTunnel(sandboxId, socket);
  const reader = new ClientHelloReader();
  let hello: ClientHello = { kind: 'more' };
  sniff(
    context,
    socket,
    (first) => {
      const kind = readFirstBytes(first);
      if (kind === 'http') {
        ClientConnection.serve(context, socket, { mode: 'origin', ...origin, tls: null }).begin(first);
        return;
      }
      socket.unshift(first);
      if (kind === 'tls') serveTls(context, socket, { origin, share, hello });
      else {
        recordTunnel(context, origin, {
          verdict: 'blocked',
          matchRule: unspoken[kind === 'http2' ? 'http2' : 'other'],
        });
        if (kind === 'http2') endWith(context, socket, http2Refusal(unspoken.http2));
        else socket.destroy();
      }
    },
    {
      sandboxId,
      enough: (bytes) => {
        const kind = readFirstBytes(bytes);
        if (kind !== 'tls') return kind !== 'more';
        hello = reader.read(bytes);
        return hello.kind !== 'more';
      },
      gone: () => recordTunnel(context, origin, { verdict: 'failed', matchRule: 'not HTTP or TLS: too little came' }),
    },
  );
}

const unspoken = { http2: unspokenHttp2.cleartext, other: 'not HTTP or TLS' } as const;

/** Where a tunnel's TLS goes: to us, or through. Waits for the sandbox's rules where they are not held. */
function serveTls(
  context: EgressContext,
  socket: Socket,
  tunnel: { origin: TunnelOrigin; share: Share; hello: ClientHello },
): void {
  const { sandboxId } = tunnel.origin;
  const held = context.registry.get(sandboxId);
  if (held !== undefined) {
    routeTls(context, socket, { ...tunnel, entry: held });
    return;
  }
  const release = holdConnection(context, socket, { sandboxId, limitMs: rulesLimitMs });
  const go = (entry: SandboxEntry | null) => {
    release();
    if (!socket.destroyed) routeTls(context, socket, { ...tunnel, entry });
  };
  // Without rules it is opened: what is asked inside is refused, with the reason.
  context.registry.load(sandboxId).then(go, () => go(null));
}

function routeTls(
  context: EgressContext,
  socket: Socket,
  tunnel: { origin: TunnelOrigin; share: Share; hello: ClientHello; entry: SandboxEntry | null },
): void {
  const { origin, share, hello, entry } = tunnel;
  if (hello.kind !== 'hello') {
    const reason = hello.kind === 'refused' ? hello.reason : 'a cut ClientHello';
    recordTunnel(context, origin, { verdict: 'failed', matchRule: `TLS failed: ${reason}` });
    endWith(context, socket, tlsAlert('decode_error'));
    return;
  }
  const asked = resolveDestination(arrivalOf(origin, null));
  const rule = entry === null || 'refused' in asked ? null : entry.rules.interception.tunnelledBy(asked.host);
  if (entry === null || 'refused' in asked || rule === null) {
    endTls(context, socket, { origin, share, serverName: hello.serverName });
    return;
  }
  const destination = resolveDestination(arrivalOf(origin, { serverName: hello.serverName }));
  if ('refused' in destination) {
    recordTunnel(context, origin, { verdict: 'blocked', matchRule: `${rule}: the server name is another` });
    endWith(context, socket, tlsAlert('unrecognized_name'));
    return;
  }
  PassThrough.start(context, socket, { entry, destination, rule });
}

function endTls(
  context: EgressContext,
  socket: Socket,
  input: { origin: TunnelOrigin; share: Share; serverName: string | null },
): void {
  const { origin, share } = input;
  const serverName = input.serverName === null ? null : parseHostname(input.serverName);
  // A name that is none gets no certificate; the host that CONNECT or the dialled address names stands in for a
  // missing one, as it does with a client that connects to an address.
  const host = input.serverName === null ? hostWithoutServerName(origin) : serverName;
  const failed = (matchRule: string) => recordTunnel(context, origin, { verdict: 'failed', matchRule });
  if (host === null) {
    failed('TLS failed: the server name is not a host name');
    endWith(context, socket, tlsAlert('unrecognized_name'));
    return;
  }
  terminateTls(context, socket, {
    host,
    sandboxId: origin.sandboxId,
    share,
    offers: originProtocols,
    serve: (secured) => {
      const client = secured.alpnProtocol === 'h2' ? Http2ClientConnection : ClientConnection;
      client.serve(context, secured, { mode: 'origin', ...origin, tls: { serverName } });
    },
    failed,
  });
}

function hostWithoutServerName(origin: TunnelOrigin): string | null {
  if (origin.connect !== null) return origin.connect.host;
  if (origin.dialled === null) return null;
  return origin.dialled.name ?? origin.dialled.address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The row of a tunnel that came to nothing, for what it was opened to. */
function recordTunnel(
  context: EgressContext,
  origin: TunnelOrigin,
  outcome: { verdict: 'blocked' | 'failed'; matchRule: string },
): void {
  const asked = resolveDestination(arrivalOf(origin, null));
  const { host, port } = 'refused' in asked ? { host: '', port: 0 } : asked;
  recordOf(context, origin.sandboxId, { ...outcome, host, dstIp: null, dstPort: port });
}

/** TLS on the proxy's own port: the certificate is for the name, or the local address, that the client asks for. */
export function wrapProxyTls(context: EgressContext, socket: Socket, serve: (secured: Socket) => void): void {
  const { share } = context.turns.holdStranger(socket);
  const reader = new ClientHelloReader();
  let hello: ClientHello = { kind: 'more' };
  sniff(
    context,
    socket,
    (first) => {
      socket.unshift(first);
      const asked = hello.kind === 'hello' && hello.serverName !== null ? parseHostname(hello.serverName) : null;
      const local = (socket.localAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
      const host = asked ?? (parseAddress(local) === null ? null : local);
      if (hello.kind !== 'hello' || host === null) socket.destroy();
      // Who it is has not been said: there is nobody whose row it could be.
      else
        terminateTls(context, socket, {
          host,
          sandboxId: null,
          share,
          offers: proxyProtocols,
          serve,
          failed: () => undefined,
        });
    },
    { enough: (bytes) => (hello = reader.read(bytes)).kind !== 'more' },
  );
}
