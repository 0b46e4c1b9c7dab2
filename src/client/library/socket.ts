import { ConnectionError } from '../errors.ts';

/** What is used of a WebSocket: that of browsers and of Node, or that of `ws`. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
  addEventListener(type: string, listener: (event: SocketEvent) => void): void;
}

interface SocketEvent {
  type: string;
  data?: unknown;
  code?: number;
  reason?: string;
}

/** Resolves once it is open. Throws ConnectionError where the handshake was refused or nobody answers. */
export async function openSocket(url: URL, subprotocols: string[]): Promise<Socket> {
  const socket = await makeSocket(url, subprotocols);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    const fail = () => reject(new ConnectionError(`no WebSocket at ${url.origin}`, { baseUrl: url.origin }));
    socket.addEventListener('open', () => resolve(socket));
    socket.addEventListener('error', fail);
    socket.addEventListener('close', fail);
  });
}

/** The platform's own; Node 20 has none. */
async function makeSocket(url: URL, subprotocols: string[]): Promise<Socket> {
  if (typeof WebSocket !== 'undefined') return new WebSocket(url, subprotocols);
  const { WebSocket: FromPackage } = await import('ws');
  return new FromPackage(url, subprotocols);
}
