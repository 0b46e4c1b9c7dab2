import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { holdConnection } from '../context.ts';
import type { EgressContext } from '../context.ts';
import type { Share } from '../turns.ts';
import { StreamOver } from './over-stream.ts';

const handshakeLimitMs = 15_000;
/** For its turn, behind others of its sandbox. */
const turnLimitMs = 15_000;
/** Longer than the control plane is given to make a leaf. */
const leafLimitMs = 15_000;

/** For whom TLS is ended, and what is called when that has come to something. One of the two is called, once. */
export interface TlsClient {
  /** The name, or the text of the address, that the leaf is for. */
  host: string;
  sandboxId: string | null;
  /** In whose turns it is done. */
  share: Share;
  /** By ALPN, in our order. */
  offers: readonly string[];
  serve(secured: TLSSocket): void;
  /** Why there was no handshake, for the row. The connection is closed. */
  failed(reason: string): void;
}

/** Ends TLS on `socket` with a leaf for `host` when it is its turn; closes it where there is none to be had. */
export function terminateTls(context: EgressContext, socket: Socket, client: TlsClient): void {
  const { share, sandboxId } = client;
  let release: (() => void) | null = null;
  const begin = () => {
    release?.();
    findLeaf(context, socket, {
      ...client,
      serve: (secured) => {
        share.endHandshake();
        client.serve(secured);
      },
      failed: (reason) => {
        share.endHandshake();
        client.failed(reason);
      },
    });
  };
  if (share.enterHandshake(begin)) begin();
  else release = holdConnection(context, socket, { sandboxId, limitMs: turnLimitMs });
}

function findLeaf(context: EgressContext, socket: Socket, client: TlsClient): void {
  const ready = context.contexts.get(client.host);
  if (ready !== undefined) {
    handshake(context, socket, { ...client, secureContext: ready });
    return;
  }
  const release = holdConnection(context, socket, { sandboxId: client.sandboxId, limitMs: leafLimitMs });
  context.contexts.load(client.host).then(
    (secureContext) => {
      release();
      handshake(context, socket, { ...client, secureContext });
    },
    (error: unknown) => {
      context.log.error({ err: error, host: client.host }, 'no certificate could be made');
      socket.destroy();
      client.failed('no certificate could be made');
    },
  );
}

function handshake(
  context: EgressContext,
  socket: Socket,
  client: TlsClient & { readonly secureContext: SecureContext },
): void {
  if (socket.destroyed) {
    client.failed('TLS failed: the client went away');
    return;
  }
  // Of the socket beneath; what became of the handshake is told by the one above it.
  socket.on('error', () => socket.destroy());
  const secured = new TLSSocket(socket instanceof TLSSocket ? new StreamOver(socket) : socket, {
    isServer: true,
    secureContext: client.secureContext,
    ALPNProtocols: [...client.offers],
  });
  let reason = 'TLS failed: the client went away';
  const release = holdConnection(context, secured, { sandboxId: client.sandboxId, limitMs: handshakeLimitMs });
  const fail = (error: Error) => {
    reason = `TLS failed: ${'code' in error ? String(error.code) : 'no reason given'}`;
    secured.destroy();
  };
  const gone = () => client.failed(reason);
  const ended = () => secured.destroy();
  secured.on('error', fail);
  // Without a tls.Server a record that does not decrypt is told by this event alone (node:_tls_wrap).
  secured.on('_tlsError', fail);
  secured.on('close', gone);
  secured.on('end', ended);
  secured.once('secure', () => {
    release();
    secured.off('error', fail);
    secured.off('close', gone);
    secured.off('end', ended);
    client.serve(secured);
  });
}
