import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { headerValues, readBody, readBytes, readHead } from './http-bytes.ts';
import type { Body, ByteReader, Head } from './http-bytes.ts';

/** Where the egress proxy is, and as whom to ask it. */
export interface ProxyAccess {
  port: number;
  host?: string;
  /** Sent as `Proxy-Authorization`; none where absent. */
  authorization?: string;
}

/** A response as it came, framed by the test's own reader. */
export interface RawResponse {
  status: number;
  head: Head;
  body: Body;
  /** The only value of a header; undefined where there is none, a throw where there are several. */
  header(name: string): string | undefined;
}

/** A connection on which bytes are sent and responses read. */
export interface RawConnection {
  socket: Socket;
  reader: ByteReader;
  send(bytes: string | Buffer): void;
  /** The next response, interim ones included. `to` is the method that was asked. */
  response(to?: string): Promise<RawResponse>;
  close(): void;
}

/** CONNECT was answered with something else than 2xx. */
export class TunnelRefused extends Error {
  readonly response: RawResponse;

  constructor(response: RawResponse) {
    super(`CONNECT was answered ${response.status}: ${response.body.content.toString()}`);
    this.name = 'TunnelRefused';
    this.response = response;
  }
}

/** `Basic base64(<sandbox id>:<proxy token>)`. */
export function proxyAuthorization(sandboxId: string, token: string): string {
  return `Basic ${Buffer.from(`${sandboxId}:${token}`).toString('base64')}`;
}

/** Reads `http://<sandbox id>:<token>@host:port`, the `proxy_url` of a sandbox. */
export function proxyAccess(proxyUrl: string): ProxyAccess {
  const url = new URL(proxyUrl);
  const authorization = proxyAuthorization(decodeURIComponent(url.username), decodeURIComponent(url.password));
  return { host: url.hostname, port: Number(url.port), authorization };
}

/** A plain TCP connection to the proxy: for absolute-form requests and for what no client would send. */
export async function connectPlain(access: Pick<ProxyAccess, 'host' | 'port'>): Promise<RawConnection> {
  const socket = connectTcp({ host: access.host ?? '127.0.0.1', port: access.port, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return rawConnection(socket);
}

/** Asks the proxy for a tunnel to `target` (`host:port`). Throws {@link TunnelRefused}. */
export async function openTunnel(access: ProxyAccess, target: string): Promise<Socket> {
  const connection = await connectPlain(access);
  const authorization = access.authorization === undefined ? '' : `Proxy-Authorization: ${access.authorization}\r\n`;
  connection.send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  const response = await connection.response('CONNECT');
  if (response.status < 200 || response.status > 299) {
    connection.close();
    throw new TunnelRefused(response);
  }
  connection.socket.removeAllListeners('data');
  return connection.socket;
}

/** CONNECT to `host:port`, then TLS inside that trusts `ca` alone. Throws {@link TunnelRefused}, or the TLS error. */
export async function connectThroughProxy(
  access: ProxyAccess,
  target: { host: string; port?: number; ca: string; serverName?: string },
): Promise<RawConnection> {
  const socket = await openTunnel(access, `${target.host}:${target.port ?? 443}`);
  const tls = connectTls({ socket, servername: target.serverName ?? target.host, ca: target.ca });
  await new Promise<void>((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject));
  return rawConnection(tls);
}

function rawConnection(socket: Socket): RawConnection {
  const reader = readBytes(socket);
  return {
    socket,
    reader,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    response: (to = 'GET') => readResponse(reader, to),
    close: () => void socket.destroy(),
  };
}

async function readResponse(reader: ByteReader, method: string): Promise<RawResponse> {
  const head = await readHead(reader);
  const status = Number(head.startLine.split(' ')[1]);
  // RFC 9112 section 6.3: these have no body, whatever their head says.
  const bodiless =
    method === 'HEAD' || status < 200 || status === 204 || status === 304 || (method === 'CONNECT' && status < 300);
  const body = bodiless
    ? { raw: Buffer.alloc(0), content: Buffer.alloc(0), trailers: [] }
    : await readBody(reader, head, 'to-end');
  return { status, head, body, header: (name) => onlyValue(head, name) };
}

function onlyValue(head: Head, name: string): string | undefined {
  const values = headerValues(head, name);
  if (values.length > 1) throw new Error(`${values.length} headers are called ${name}`);
  return values[0];
}
