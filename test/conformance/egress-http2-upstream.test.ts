import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import type {
  ClientHttp2Session,
  Http2SecureServer,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { openTunnel } from '../support/proxy-client.ts';

/** Upstreams of HTTP/2 (`node:http2`), asked by clients of HTTP/2 and of HTTP/1.1. */
const host = 'grpc.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;
let upstream: Http2SecureServer;
const seen: { headers: IncomingHttpHeaders; body: Buffer; trailers: IncomingHttpHeaders; session: unknown }[] = [];

before(async () => {
  // Made first, so that its port is known; its certificate comes with the rig's authority.
  upstream = createSecureServer({ allowHTTP1: false, settings: { enableConnectProtocol: true } });
  upstream.on('stream', (stream: ServerHttp2Stream, headers) => void serve(stream, headers));
  const port = await listenOnLoopback(upstream);
  rig = await startEgressRig({ names: ['unused.example.com'], also: { [`${host}:443`]: port } });
  const certificate = rig.authority.issue([host]);
  upstream.setSecureContext({ cert: certificate.certPem, key: certificate.keyPem });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  await rig?.stop();
  upstream?.close();
});

/** Gives the content back, with a trailer; or what the path asks for. */
async function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  stream.on('error', () => undefined);
  if (headers[':method'] === 'CONNECT') {
    stream.respond({ ':status': 200 });
    stream.write(Buffer.from('\x81\x05hello', 'latin1'));
    stream.on('data', (part: Buffer) => stream.write(Buffer.concat([Buffer.from([0x82, part.length]), part])));
    return;
  }
  if (headers[':path'] === '/refuse-streams') {
    stream.close(0x7);
    return;
  }
  const parts: Buffer[] = [];
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields) => (trailers = fields));
  for await (const part of stream) parts.push(part);
  const body = Buffer.concat(parts);
  seen.push({ headers, body, trailers, session: stream.session });
  if (headers[':path'] === '/bare') {
    stream.respond({ ':status': 204 }, { endStream: true });
    return;
  }
  if (headers[':path'] === '/echo') {
    stream.respond({ ':status': 200, 'x-echo': headers.authorization ?? '' });
    stream.end(`<${headers.authorization}>`);
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(body);
}

async function session(): Promise<ClientHttp2Session> {
  const socket = await openTunnel(sandbox.access, `${host}:443`);
  const tls = connectTls({ socket, servername: host, ca: sandbox.ca, ALPNProtocols: ['h2'] });
  await new Promise<void>((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject));
  return connectHttp2(`https://${host}`, { createConnection: () => tls });
}

async function ask(client: ClientHttp2Session, fields: OutgoingHttpHeaders, body: Buffer | string = '') {
  const stream = client.request({ ':authority': host, ...fields }, { endStream: body.length === 0 });
  if (body.length > 0) stream.end(body);
  const parts: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (response) => (headers = response));
  stream.on('trailers', (response) => (trailers = response));
  stream.on('data', (part: Buffer) => parts.push(part));
  await new Promise<void>((resolve, reject) => stream.once('close', resolve).once('error', reject));
  return { headers, body: Buffer.concat(parts), trailers };
}

const bearer = () => ({ authorization: `Bearer ${sandbox.standIn('KEY')}` });
const get = (path: string, ...lines: string[]) =>
  [`GET ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');

describe('a client of HTTP/2 at an upstream of HTTP/2', () => {
  it('calls as gRPC does: the value in its field, content both ways, and the trailers', async () => {
    const client = await session();
    const content = randomBytes(200_000);
    const call = {
      ':method': 'POST',
      ':path': '/pkg.Service/Call',
      te: 'trailers',
      'content-type': 'application/grpc',
    };
    const answer = await ask(client, { ...call, ...bearer() }, content);
    assert.equal(answer.headers[':status'], 200);
    assert.ok(answer.body.equals(content));
    assert.equal(answer.trailers['grpc-status'], '0');
    const last = seen.at(-1);
    assert.equal(last?.headers.authorization, `Bearer ${value}`);
    assert.equal(last?.headers.te, 'trailers');
    assert.equal(last?.headers[':authority'], host);
    assert.ok(last?.body.equals(content));
    client.close();
  });

  it('has many calls at once on one connection to the upstream', async () => {
    const client = await session();
    await ask(client, { ':path': '/first' });
    const earlier = seen.length;
    const contents = Array.from({ length: 50 }, () => randomBytes(20_000));
    const answers = await Promise.all(
      contents.map((content) => ask(client, { ':method': 'PUT', ':path': '/many', ...bearer() }, content)),
    );
    for (const [index, { body }] of answers.entries()) assert.ok(body.equals(contents[index] ?? Buffer.alloc(0)));
    assert.equal(new Set(seen.slice(earlier).map((each) => each.session)).size, 1);
    client.close();
  });

  it('gets the stand-in where the value comes back, in a field and in content', async () => {
    const client = await session();
    const { headers, body } = await ask(client, { ':path': '/echo', ...bearer() });
    assert.equal(headers['x-echo'], `Bearer ${sandbox.standIn('KEY')}`);
    assert.equal(body.toString(), `<Bearer ${sandbox.standIn('KEY')}>`);
    client.close();
  });

  it('is told of a stream that the upstream refuses, and goes on', async () => {
    const client = await session();
    const refused = await ask(client, { ':path': '/refuse-streams', ':method': 'POST' }, 'x');
    assert.equal(refused.headers[':status'], 502);
    assert.equal((await ask(client, { ':path': '/bare' })).headers[':status'], 204);
    client.close();
  });

  it('opens a WebSocket by extended CONNECT on both legs', async () => {
    const client = await session();
    await new Promise<void>((resolve) => client.once('remoteSettings', () => resolve()));
    const stream = client.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':authority': host,
      ':path': '/socket',
      ...bearer(),
    });
    const received: Buffer[] = [];
    stream.on('data', (part: Buffer) => received.push(part));
    await new Promise((resolve) => stream.once('response', resolve));
    stream.write('ping');
    while (!Buffer.concat(received).toString('latin1').endsWith('ping')) {
      await new Promise((resolve) => stream.once('data', resolve));
    }
    assert.equal(Buffer.concat(received).toString('latin1'), '\x81\x05hello\x82\x04ping');
    stream.close();
    client.close();
  });
});

describe('a client of HTTP/1.1 at an upstream of HTTP/2 alone', () => {
  it('is answered in HTTP/1.1, with chunks and trailers, request after request', async () => {
    const connection = await sandbox.connect(host);
    const post = (length: number) =>
      `POST /one HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\nContent-Length: ${length}\r\n\r\n`;
    for (let round = 0; round < 3; round++) {
      connection.send(`${post(5)}hello`);
      const response = await connection.response();
      assert.equal(response.status, 200);
      assert.equal(response.body.content.toString(), 'hello');
      assert.deepEqual(response.body.trailers, [['grpc-status', '0']]);
      assert.equal(seen.at(-1)?.headers.authorization, `Bearer ${value}`);
    }
    connection.send(`POST /empty HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
    assert.equal((await connection.response()).status, 200);
    connection.send(get('/bare'));
    assert.equal((await connection.response()).status, 204);
    connection.send(
      `POST /chunks HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Own\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Own: 1\r\n\r\n`,
    );
    assert.equal((await connection.response()).body.content.toString(), 'abcde');
    assert.equal(seen.at(-1)?.trailers['x-own'], '1');
    connection.close();
  });

  it('opens a WebSocket as ever', async () => {
    const connection = await sandbox.connect(host);
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    connection.send(
      get(
        '/socket',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${key}`,
      ),
    );
    const response = await connection.response();
    assert.equal(response.status, 101);
    // RFC 6455 section 1.3 has this key and its answer.
    assert.equal(response.header('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal((await connection.reader.exactly(7)).toString('latin1'), '\x81\x05hello');
    connection.close();
  });
});
