import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { RigSandbox } from './egress-rig.ts';
import { openTunnel } from './proxy-client.ts';

/** TLS through CONNECT that has agreed on HTTP/2: for frames that no library would send. */
export async function connectForHttp2(
  { access, ca }: Pick<RigSandbox, 'access' | 'ca'>,
  host: string,
): Promise<TLSSocket> {
  const socket = await openTunnel(access, `${host}:443`);
  const tls = connectTls({ socket, servername: host, ca, ALPNProtocols: ['h2'] });
  await new Promise<void>((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject));
  if (tls.alpnProtocol !== 'h2') throw new Error(`the proxy chose ${String(tls.alpnProtocol)}`);
  return tls;
}

/** A session of `node:http2` through CONNECT. */
export async function openHttp2Session(
  sandbox: Pick<RigSandbox, 'access' | 'ca'>,
  host: string,
): Promise<ClientHttp2Session> {
  const tls = await connectForHttp2(sandbox, host);
  return connectHttp2(`https://${host}`, { createConnection: () => tls });
}

export interface Http2Answer {
  headers: IncomingHttpHeaders & { ':status'?: number | undefined };
  body: Buffer;
  trailers: IncomingHttpHeaders;
}

/** All of the answer to a request that is being made. */
export async function http2Answer(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const parts: Buffer[] = [];
  let headers: Http2Answer['headers'] = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (received) => (headers = received));
  stream.on('trailers', (received) => (trailers = received));
  stream.on('data', (part: Buffer) => parts.push(part));
  await new Promise<void>((resolve, reject) => stream.once('close', resolve).once('error', reject));
  return { headers, body: Buffer.concat(parts), trailers };
}

/** One request, and its answer. */
export async function askHttp2(
  session: ClientHttp2Session,
  fields: OutgoingHttpHeaders,
  { body = '', trailers = null }: { body?: Buffer | string; trailers?: OutgoingHttpHeaders | null } = {},
): Promise<Http2Answer> {
  const stream = session.request(fields, { endStream: body.length === 0, waitForTrailers: trailers !== null });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
  if (body.length > 0) stream.end(body);
  return await http2Answer(stream);
}
