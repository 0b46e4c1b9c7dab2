import { createServer } from 'node:net';
import { TLSSocket, connect, createSecureContext } from 'node:tls';
import { readCopySettings } from './copy-settings.ts';

/**
 * The floor: ends TLS on both legs, as anything in Node must that changes a request, and copies what comes. It reads no
 * HTTP, swaps nothing and keeps no record; a connection to the upstream is used again once its client has gone.
 */
const settings = readCopySettings(process.argv[2] ?? '');
const clientContext = createSecureContext({ cert: settings.cert, key: settings.key });
const upstreamContext = createSecureContext({ ca: settings.upstreamCa });
/** One for all: a read is handed on before the next begins. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

interface Upstream {
  socket: TLSSocket;
  client: TLSSocket | null;
}

const idle: Upstream[] = [];

function dial(): Upstream {
  const callback = (length: number) => {
    const { client } = upstream;
    if (client !== null && !client.write(Buffer.from(readBuffer.subarray(0, length)))) upstream.socket.pause();
    return true;
  };
  // `onread` is documented for tls.connect (as for net.connect) but missing from its type.
  const options = {
    host: '127.0.0.1',
    port: settings.upstreamPort,
    servername: settings.upstreamHost,
    secureContext: upstreamContext,
    onread: { buffer: readBuffer, callback },
  };
  const socket = connect(options);
  const upstream: Upstream = { socket, client: null };
  socket.setNoDelay(true);
  socket.on('drain', () => upstream.client?.resume());
  const end = () => {
    const place = idle.indexOf(upstream);
    if (place !== -1) idle.splice(place, 1);
    upstream.client?.destroy();
  };
  socket.on('error', end);
  socket.on('close', end);
  return upstream;
}

const server = createServer({ noDelay: true }, (plain) => {
  const client = new TLSSocket(plain, { isServer: true, secureContext: clientContext });
  const upstream = idle.pop() ?? dial();
  upstream.client = client;
  client.on('data', (bytes: Buffer) => {
    if (!upstream.socket.write(bytes)) client.pause();
  });
  client.on('drain', () => upstream.socket.resume());
  client.on('error', () => client.destroy());
  client.on('close', () => {
    upstream.client = null;
    if (!upstream.socket.destroyed) idle.push(upstream);
  });
});
server.listen({ port: settings.port, host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
