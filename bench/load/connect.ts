import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { LoadTarget } from './protocol.ts';

/** A connection to the target with TLS done, through CONNECT where it wants that. Throws where anything of it fails. */
export async function openConnection(
  target: LoadTarget,
  { secureContext, protocol }: { secureContext: SecureContext; protocol: 'http/1.1' | 'h2' },
): Promise<TLSSocket> {
  const tcp = connectTcp({ port: target.port, host: '127.0.0.1', noDelay: true });
  await settled(tcp, 'connect');
  if (target.tunnelAs !== null) await openTunnel(tcp, target);
  const socket = connectTls({ socket: tcp, servername: target.host, secureContext, ALPNProtocols: [protocol] });
  await settled(socket, 'secureConnect');
  if (protocol === 'h2' && socket.alpnProtocol !== 'h2') throw new Error('it does not speak HTTP/2');
  return socket;
}

async function openTunnel(socket: Socket, { host, authority, tunnelAs }: LoadTarget): Promise<void> {
  const destination = authority === host ? `${host}:443` : authority;
  const identity = tunnelAs === null || tunnelAs === '' ? '' : `Proxy-Authorization: ${tunnelAs}\r\n`;
  socket.write(`CONNECT ${destination} HTTP/1.1\r\nHost: ${destination}\r\n${identity}\r\n`);
  const answer = await readHead(socket);
  if (!/^HTTP\/1\.1 2\d\d [^]*\r\n\r\n$/.test(answer)) throw new Error(`CONNECT: ${answer}`);
}

/** Some send it in pieces. Nothing follows before the TLS client has spoken. */
function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (piece: Buffer) => {
      text += piece.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      socket.off('data', take);
      socket.off('error', reject);
      socket.pause();
      resolve(text);
    };
    socket.on('data', take);
    socket.once('error', reject);
  });
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(new Error('a connection closed while it was made'));
    socket.once('close', closed);
    socket.once(event, () => {
      socket.off('error', reject);
      socket.off('close', closed);
      resolve();
    });
    socket.once('error', reject);
  });
}
