import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';
import { startHttp2Upstream } from '../support/http2-upstream.ts';
import type { Http2Upstream } from '../support/http2-upstream.ts';
import { waitUntil } from '../support/processes.ts';

/** Upstreams of HTTP/2 (`node:http2`), asked by clients of HTTP/2 and of HTTP/1.1. */
const host = 'grpc.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
/** Without secrets, so that nothing is looked for in its answers. */
let plain: RigSandbox;
let value: string;
let upstream: Http2Upstream;
let seen: Http2Upstream['seen'];
let cuts: Http2Upstream['cuts'];

before(async () => {
  upstream = await startHttp2Upstream();
  ({ seen, cuts } = upstream);
  rig = await startEgressRig({ names: ['unused.example.com'], also: { [`${host}:443`]: upstream.port } });
  upstream.certify(rig.authority.issue([host]));
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
  plain = await rig.sandbox({});
});
after(async () => {
  await rig?.stop();
  upstream?.close();
});

const session = (of = sandbox) => openHttp2Session(of, host);

const ask = (
  client: ClientHttp2Session,
  fields: OutgoingHttpHeaders,
  body: Buffer | string = '',
  trailers: OutgoingHttpHeaders | null = null,
) => askHttp2(client, { ':authority': host, ...fields }, { body, trailers });

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

  it('gets the trailers of an answer whose length was announced, also of none, and the length', async () => {
    const client = await session(plain);
    for (const body of ['hello', '']) {
      for (const announced of [{}, { trailer: 'grpc-status' }]) {
        const own = { 'content-length': body.length, ...announced };
        const post = { ':method': 'POST', ':path': '/length', 'x-answer-with': JSON.stringify(own) };
        const answer = await ask(client, post, body);
        assert.deepEqual(
          [answer.headers['content-length'], answer.body.toString(), answer.trailers['grpc-status']],
          [String(body.length), body, '0'],
        );
      }
    }
    client.close();
  });

  it('sends trailers after content whose length it announced, where its head announces them', async () => {
    const client = await session();
    const head = { ':method': 'POST', ':path': '/sends-trailers', 'content-length': 5, trailer: 'x-own' };
    const answer = await ask(client, { ...head, ...bearer() }, 'hello', { 'x-own': '1' });
    assert.equal(answer.body.toString(), 'hello');
    assert.deepEqual([seen.at(-1)?.body.toString(), seen.at(-1)?.trailers['x-own']], ['hello', '1']);
    client.close();
  });

  it('waits for 100 before it sends, and hears it', async () => {
    const client = await session();
    const head = { ':method': 'POST', ':path': '/expects', ':authority': host, expect: '100-continue' };
    for (const length of [{}, { 'content-length': 5 }]) {
      const stream = client.request({ ...head, ...length });
      await once(stream, 'continue');
      stream.end('hello');
      const parts: Buffer[] = [];
      for await (const part of stream) parts.push(part);
      assert.equal(Buffer.concat(parts).toString(), 'hello');
    }
    client.close();
  });

  it('hears an answer that is whole before its upload is, and that the rest is not wanted', async () => {
    const client = await session();
    for (const expect of [{}, { expect: '100-continue' }]) {
      const post = { ':method': 'POST', ':path': '/too-large', ':authority': host, 'content-length': 1_000_000 };
      const stream = client.request({ ...post, ...expect });
      if (!('expect' in expect)) stream.write(Buffer.alloc(20_000));
      const closed = once(stream, 'close');
      const [headers]: IncomingHttpHeaders[] = await once(stream, 'response');
      assert.equal(headers?.[':status'], 413);
      const parts: Buffer[] = [];
      for await (const part of stream) parts.push(part);
      assert.equal(Buffer.concat(parts).toString(), 'no!');
      await closed;
      assert.equal(stream.rstCode, 0);
    }
    assert.equal((await ask(client, { ':path': '/bare' })).headers[':status'], 204);
    client.close();
  });

  it('that breaks its upload off breaks it off for the upstream', async () => {
    const client = await session();
    const stream = client.request({ ':method': 'POST', ':path': '/cut', ':authority': host, 'content-length': 10 });
    stream.on('error', () => undefined);
    const [ended, earlier] = [cuts.length, upstream.uploads];
    stream.write('half');
    await waitUntil(() => upstream.uploads > earlier, { what: 'the upload' });
    stream.close(0x8);
    await waitUntil(() => cuts.length > ended, { what: 'the end of the upload' });
    assert.equal(cuts.at(-1), 0x8);
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

  it('gets the stand-in where the value comes back in two frames, split at each of its bytes', async () => {
    const client = await session();
    const wanted = `<Bearer ${sandbox.standIn('KEY')}>`;
    for (let at = 1; at <= `Bearer ${value}>`.length; at++) {
      const { body } = await ask(client, { ':path': `/echo-in-two/${at}`, ...bearer() });
      assert.equal(body.toString(), wanted, `split at ${at}`);
    }
    client.close();
  });

  it('gets the stand-in where the value comes back in a trailer, whatever was said of the length', async () => {
    const client = await session();
    for (const body of ['hello', '']) {
      for (const own of [{}, { 'content-length': body.length }]) {
        const fields = {
          ':method': 'POST',
          ':path': '/t',
          'x-echo-in-trailer': '1',
          'x-answer-with': JSON.stringify(own),
        };
        const { trailers } = await ask(client, { ...fields, ...bearer() }, body);
        assert.equal(trailers['x-echo'], `Bearer ${sandbox.standIn('KEY')}`);
      }
    }
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

  it('gets trailers after content of a known length in chunks where they are announced, else the length', async () => {
    const connection = await plain.connect(host);
    const post = (own: object) =>
      `POST /length HTTP/1.1\r\nHost: ${host}\r\nX-Answer-With: ${JSON.stringify(own)}\r\nContent-Length: 5\r\n\r\nhello`;
    connection.send(post({ 'content-length': 5, trailer: 'grpc-status' }));
    const announced = await connection.response();
    assert.equal(announced.body.content.toString(), 'hello');
    assert.deepEqual(
      [announced.header('content-length'), announced.header('transfer-encoding')],
      [undefined, 'chunked'],
    );
    assert.deepEqual(announced.body.trailers, [['grpc-status', '0']]);
    connection.send(post({ 'content-length': 5 }));
    const known = await connection.response();
    assert.equal(known.body.content.toString(), 'hello');
    assert.deepEqual([known.header('content-length'), known.header('transfer-encoding')], ['5', undefined]);
    connection.close();
  });

  it('of HTTP/1.0 gets content of unknown length up to the end of the connection', async () => {
    const connection = await plain.connect(host);
    connection.send(`POST /one HTTP/1.0\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\nhello`);
    const response = await connection.response();
    assert.deepEqual([response.status, response.body.content.toString()], [200, 'hello']);
    assert.deepEqual([response.header('transfer-encoding'), response.header('connection')], [undefined, 'close']);
    const announced = await plain.connect(host);
    const own = JSON.stringify({ 'content-length': 5, trailer: 'grpc-status' });
    announced.send(`POST /one HTTP/1.0\r\nHost: ${host}\r\nX-Answer-With: ${own}\r\nContent-Length: 5\r\n\r\nhello`);
    const known = await announced.response();
    assert.deepEqual([known.header('content-length'), known.body.content.toString()], ['5', 'hello']);
  });

  it('waits for 100 before it sends, and hears it', async () => {
    const connection = await sandbox.connect(host);
    for (const [framing, body] of [
      ['Content-Length: 5', 'hello'],
      ['Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
    ]) {
      connection.send(`POST /expects HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`);
      assert.equal((await connection.response()).status, 100);
      connection.send(body ?? '');
      assert.equal((await connection.response()).body.content.toString(), 'hello');
    }
    connection.close();
  });

  it('hears an answer that is whole before its upload is, and that the connection ends', async () => {
    for (const expect of ['', 'Expect: 100-continue\r\n']) {
      const connection = await sandbox.connect(host);
      connection.send(`POST /too-large HTTP/1.1\r\nHost: ${host}\r\n${expect}Content-Length: 1000000\r\n\r\n`);
      if (expect === '') connection.send(Buffer.alloc(20_000));
      const response = await connection.response();
      assert.deepEqual([response.status, response.body.content.toString()], [413, 'no!']);
      assert.equal(response.header('connection'), 'close');
      connection.close();
    }
  });

  it('that breaks its upload off breaks it off for the upstream', async () => {
    const connection = await sandbox.connect(host);
    const ended = cuts.length;
    const earlier = upstream.uploads;
    connection.send(`POST /cut HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhalf`);
    await waitUntil(() => upstream.uploads > earlier, { what: 'the upload' });
    connection.close();
    await waitUntil(() => cuts.length > ended, { what: 'the end of the upload' });
    assert.equal(cuts.at(-1), 0x8);
  });

  it('that has ended its half of the connection is answered all the same', async () => {
    const connection = await sandbox.connect(host);
    connection.send(`POST /one HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\nhello`);
    connection.socket.end();
    assert.equal((await connection.response()).body.content.toString(), 'hello');
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
