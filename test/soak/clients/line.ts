import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { headerValues, readBody, readBytes, readHead } from '../../support/http-bytes.ts';
import type { ByteReader, Head } from '../../support/http-bytes.ts';
import { openTunnel } from '../../support/proxy-client.ts';
import type { ProxyAccess } from '../../support/proxy-client.ts';
import type { Box, World } from '../world.ts';
import { enterHead, watchReceived } from './attempt.ts';

/** A connection of HTTP/1.1 inside a tunnel; all that comes on it is searched. */
export interface Line {
  socket: Socket;
  reader: ByteReader;
  usable(): boolean;
  close(): void;
}

/** An answer that came whole. */
export interface Answer {
  from: 'answered' | 'refused';
  /** Heads, content without its coding, and trailers. */
  text: string;
}

/** TLS through CONNECT or SOCKS 5. Throws TunnelRefused, or what broke the connection. */
export async function openLine(
  world: World,
  box: Box,
  target: { host: string; way: 'connect' | 'socks' },
): Promise<Line> {
  const { host, way } = target;
  const tunnel = way === 'socks' ? await socksTunnel(box.access, host) : await openTunnel(box.access, `${host}:443`);
  const socket = connectTls({ socket: tunnel, servername: host, ca: box.sandbox.egress.ca_pem });
  await new Promise<void>((resolve, reject) => {
    // A tunnel that is reset may say so before the handshake has begun.
    tunnel.once('close', () => reject(new Error('the tunnel was closed in the handshake')));
    socket.once('secureConnect', resolve).once('error', reject);
  });
  socket.on('data', watchReceived(world.findings, `sandbox ${box.plan.index} at ${host}`));
  const reader = readBytes(socket);
  return {
    socket,
    reader,
    usable: () => !socket.destroyed && socket.readable && socket.writable,
    close: () => void socket.destroy(),
  };
}

/** Reads the answer to one request and enters it. Throws where it is cut off. */
export async function readAnswer(world: World, line: Line, number: number): Promise<Answer> {
  const heads: Head[] = [];
  let status: number;
  do {
    const head = await readHead(line.reader);
    heads.push(head);
    status = Number(head.startLine.split(' ')[1]);
  } while (status < 200 && status !== 101);
  const head = heads.at(-1) ?? { headers: [] };
  const from = enterHead(world, number, { status, header: (name) => headerValues(head, name)[0] });
  const body =
    status === 101 ? null : await readBody(line.reader, { ...head, bytes: Buffer.alloc(0), startLine: '' }, 'to-end');
  world.ledger.finished(number);
  const coded = body?.content ?? Buffer.alloc(0);
  const content = headerValues(head, 'content-encoding').includes('gzip') ? gunzipSync(coded) : coded;
  // What was coded was not seen on the wire as what it is.
  if (content !== coded) watchReceived(world.findings, `request ${number}, uncompressed,`)(content);
  const before = heads.map(({ bytes }) => bytes.toString('latin1')).join('');
  const after = (body?.trailers ?? []).map(([name, value]) => `${name}: ${value}`).join('\n');
  return { from, text: `${before}${content.toString('latin1')}${after}` };
}

/** RFC 1928 with user name and password (RFC 1929); the name is resolved by the proxy. */
async function socksTunnel(access: ProxyAccess, host: string): Promise<Socket> {
  const socket = connectTcp({ host: access.host ?? '127.0.0.1', port: access.port, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  const reader = readBytes(socket);
  const [user = '', password = ''] = Buffer.from(access.authorization?.split(' ')[1] ?? '', 'base64')
    .toString()
    .split(':');
  const field = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
  socket.write(Buffer.concat([Buffer.from([5, 1, 2, 1]), field(user), field(password)]));
  const greeted = await reader.exactly(4);
  if (greeted[1] !== 2 || greeted[3] !== 0) throw new Error('SOCKS: the password was not taken');
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3]), field(host), Buffer.from([443 >> 8, 443 & 255])]));
  const answer = await reader.exactly(10);
  if (answer[1] !== 0) throw new Error(`SOCKS: answered ${answer[1]}`);
  socket.removeAllListeners('data');
  return socket;
}
