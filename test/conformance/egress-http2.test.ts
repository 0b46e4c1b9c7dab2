import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { askHttp2, http2Answer, openHttp2Session } from '../support/http2-client.ts';
import { waitUntil } from '../support/processes.ts';
import { openTunnel } from '../support/proxy-client.ts';
import { chunked, echo, interim, sized } from '../support/replies.ts';

/** Clients of HTTP/2: `node:http2` through the real proxy to an upstream that speaks HTTP/1.1. */
const host = 'api.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  await rig?.stop();
});

const session = () => openHttp2Session(sandbox, host);
const bearer = () => ({ authorization: `Bearer ${sandbox.standIn('KEY')}` });

describe('a client of HTTP/2', () => {
  it('has its stand-in swapped, and its fields arrive as header lines', async () => {
    const client = await session();
    rig.answer('/one', () => sized(200, 'one', { 'X-Answer': 'A' }));
    const { headers, body } = await askHttp2(client, {
      ':authority': host,
      ':path': '/one?a=b',
      ...bearer(),
      'x-own': '1',
    });
    assert.deepEqual([headers[':status'], headers['x-answer'], body.toString()], [200, 'A', 'one']);
    const [request] = rig.requestsFor('/one');
    assert.ok(request !== undefined);
    assert.equal(request.target, '/one?a=b');
    assert.deepEqual(headerValues(request.head, 'authorization'), [`Bearer ${value}`]);
    assert.deepEqual(headerValues(request.head, 'host'), [host]);
    assert.deepEqual(headerValues(request.head, 'x-own'), ['1']);
    client.close();
  });

  it('gets the stand-in where the upstream gives the value back', async () => {
    const client = await session();
    rig.answer('/echo', echo);
    const { body } = await askHttp2(
      client,
      { ':authority': host, ':path': '/echo', ':method': 'POST', ...bearer() },
      { body: 'content' },
    );
    assert.ok(body.toString().includes(`Bearer ${sandbox.standIn('KEY')}`));
    assert.ok(!body.toString().includes(value));
    client.close();
  });

  it('is refused a stand-in in the wrong place, and goes on', async () => {
    const client = await session();
    const refused = await askHttp2(client, { ':authority': host, ':path': '/x', 'x-note': sandbox.standIn('KEY') });
    assert.deepEqual(
      [refused.headers[':status'], refused.headers['x-standin-error']],
      [403, 'credential_host_mismatch'],
    );
    assert.equal(rig.requestsFor('/x').length, 0);
    const other = await askHttp2(client, { ':path': '/x', ':authority': 'other.example.com' });
    assert.deepEqual([other.headers[':status'], other.headers['x-standin-error']], [421, 'misdirected_request']);
    const next = await askHttp2(client, { ':authority': host, ':path': '/after' });
    assert.equal(next.headers[':status'], 200);
    client.close();
  });

  it('sends and receives large content, many at once, to the byte', async () => {
    const client = await session();
    rig.answer('/large', (request) => {
      async function* bytes() {
        const { content } = await request.body;
        yield* sized(200, content).bytes;
      }
      return { bytes: bytes() };
    });
    const contents = Array.from({ length: 20 }, () => randomBytes(300_000));
    const answers = await Promise.all(
      contents.map((content) =>
        askHttp2(client, { ':authority': host, ':path': '/large', ':method': 'PUT', ...bearer() }, { body: content }),
      ),
    );
    for (const [index, { body }] of answers.entries()) assert.ok(body.equals(contents[index] ?? Buffer.alloc(0)));
    client.close();
  });

  it('gets trailers, interim answers and answers without content', async () => {
    const client = await session();
    rig.answer('/trailers', () => chunked(['a', 'b'], { trailers: { 'Grpc-Status': '0' } }));
    const answered = await askHttp2(client, { ':authority': host, ':path': '/trailers', te: 'trailers' });
    assert.deepEqual([answered.body.toString(), answered.trailers['grpc-status']], ['ab', '0']);
    rig.answer('/hints', () => interim(103, sized(200, 'x'), { Link: '</a>' }));
    const stream = client.request({ ':authority': host, ':path': '/hints' });
    const hints: unknown[] = [];
    stream.on('headers', (fields) => hints.push(fields['link']));
    assert.equal((await http2Answer(stream)).body.toString(), 'x');
    assert.deepEqual(hints, ['</a>']);
    rig.answer('/none', () => ({ bytes: ['HTTP/1.1 204 No Content\r\n\r\n'] }));
    assert.equal((await askHttp2(client, { ':authority': host, ':path': '/none' })).headers[':status'], 204);
    const head = await askHttp2(client, { ':authority': host, ':path': '/one', ':method': 'HEAD' });
    assert.deepEqual([head.headers[':status'], head.headers['content-length'], head.body.length], [200, '3', 0]);
    client.close();
  });

  it('sends trailers that it announced in chunks, though it gave the length', async () => {
    const client = await session();
    rig.answer('/sends-trailers', echo);
    const head = { ':authority': host, ':path': '/sends-trailers', ':method': 'POST', 'content-length': 5 };
    const stream = client.request({ ...head, trailer: 'x-own' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-own': '1' }));
    stream.end('hello');
    await http2Answer(stream);
    const [request] = rig.requestsFor('/sends-trailers');
    assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'content-length'), []);
    const body = await request?.body;
    assert.deepEqual([body?.content.toString(), body?.trailers], ['hello', [['x-own', '1']]]);
    const judged = client.request({ ...head, trailer: 'x-own' }, { waitForTrailers: true });
    judged.on('wantTrailers', () => judged.sendTrailers({ 'x-own': sandbox.standIn('KEY') }));
    judged.end('hello');
    assert.equal((await http2Answer(judged)).headers['x-standin-error'], 'credential_host_mismatch');
    client.close();
  });

  it('waits for 100 before it sends, and hears it', async () => {
    const client = await session();
    rig.answer('/expects', (request) => interim(100, echo(request)));
    const head = { ':authority': host, ':path': '/expects', ':method': 'POST', expect: '100-continue' };
    for (const length of [{}, { 'content-length': 5 }]) {
      const stream = client.request({ ...head, ...length });
      await once(stream, 'continue');
      stream.end('hello');
      const { headers, body } = await http2Answer(stream);
      assert.equal(headers[':status'] ?? 200, 200);
      assert.match(body.toString(), /hello/);
    }
    client.close();
  });

  it('hears an answer that is whole before its upload is, and that the rest is not wanted', async () => {
    const client = await session();
    rig.answer('/too-large', () => sized(413, 'no!'));
    for (const expect of [{}, { expect: '100-continue' }]) {
      const head = { ':authority': host, ':path': '/too-large', ':method': 'POST', 'content-length': 1_000_000 };
      const stream = client.request({ ...head, ...expect });
      if (!('expect' in expect)) stream.write(Buffer.alloc(20_000));
      const { headers, body } = await http2Answer(stream);
      assert.deepEqual([headers[':status'], body.toString(), stream.rstCode], [413, 'no!', 0]);
    }
    assert.equal((await askHttp2(client, { ':authority': host, ':path': '/one' })).headers[':status'], 200);
    client.close();
  });

  it('gets all of a large answer that is whole before its upload is', async () => {
    const client = await session();
    const large = randomBytes(1_000_000);
    rig.answer('/large-refusal', () => sized(413, large));
    const stream = client.request({ ':path': '/large-refusal', ':method': 'POST', 'content-length': 1_000_000 });
    stream.write(Buffer.alloc(20_000));
    const { headers, body } = await http2Answer(stream);
    assert.deepEqual([headers[':status'], stream.rstCode], [413, 0]);
    assert.ok(body.equals(large), `${body.length} bytes`);
    client.close();
  });

  it('that cancels a stream ends its exchange alone', async () => {
    const client = await session();
    const gate = Promise.withResolvers<void>();
    rig.answer('/slow', async () => {
      await gate.promise;
      return sized(200);
    });
    const stream = client.request({ ':authority': host, ':path': '/slow' });
    stream.on('error', () => undefined);
    await waitUntil(() => rig.requestsFor('/slow').length === 1, { what: 'the request' });
    stream.close(constants.NGHTTP2_CANCEL);
    await rig.requestsFor('/slow')[0]?.connection.closed;
    gate.resolve();
    assert.equal((await askHttp2(client, { ':authority': host, ':path': '/one' })).headers[':status'], 200);
    client.close();
  });

  it('sees an answer that breaks off as a stream that does', async () => {
    const client = await session();
    rig.answer('/broken', () => ({ bytes: ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'], close: 'reset' }));
    await assert.rejects(askHttp2(client, { ':path': '/broken' }));
    assert.equal((await askHttp2(client, { ':authority': host, ':path': '/one' })).headers[':status'], 200);
    client.close();
  });

  it('opens a WebSocket by extended CONNECT', async () => {
    const client = await session();
    await new Promise<void>((resolve) => client.once('remoteSettings', () => resolve()));
    rig.answer('/socket', () => ({
      bytes: [
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        Buffer.from('\x81\x05hello', 'latin1'),
      ],
    }));
    const stream = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/socket', ...bearer() });
    const [status, first] = await Promise.all([
      new Promise((resolve) => stream.once('response', (fields) => resolve(fields[':status']))),
      new Promise<Buffer>((resolve) => stream.once('data', resolve)),
    ]);
    assert.equal(status, 200);
    assert.equal(first.toString('latin1'), '\x81\x05hello');
    const [request] = rig.requestsFor('/socket');
    assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'authorization'), [`Bearer ${value}`]);
    stream.close();
    client.close();
  });
});

describe('a client that offers both versions', () => {
  it('gets HTTP/1.1', async () => {
    const socket = await openTunnel(sandbox.access, `${host}:443`);
    const tls = connectTls({ socket, servername: host, ca: sandbox.ca, ALPNProtocols: ['h2', 'http/1.1'] });
    await new Promise<void>((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject));
    assert.equal(tls.alpnProtocol, 'http/1.1');
    tls.destroy();
  });
});
