import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, constants, createServer } from 'node:http2';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { after, before, test } from 'node:test';
import { listenEcho } from './echo-server.ts';
import { TestClient } from './fetch.ts';
import { get, post } from './frames.ts';
import type { Pairs } from './frames.ts';

/** Both roles against Node's own HTTP/2 (nghttp2), over loopback. */
let echo: Server;
let session: ClientHttp2Session;
let node: Http2Server;
let client: TestClient;

before(async () => {
  echo = await listenEcho(0);
  // Node counts what waits to be sent as memory of the session, and gives up at 10 MB.
  session = connect(`http://127.0.0.1:${portOf(echo)}`, { maxSessionMemory: 100 });
  node = createServer({ settings: { initialWindowSize: 100_000, maxConcurrentStreams: 300 } });
  node.on('stream', serve);
  node.listen(0, '127.0.0.1');
  await once(node, 'listening');
  client = new TestClient(portOf(node));
  await client.ready;
});

after(async () => {
  client.close();
  session.destroy();
  node.close();
  echo.close();
  await Promise.all([once(node, 'close'), once(echo, 'close')]);
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** What the Node server does, by path; anything else gets `hello`. */
const serving: Record<string, (stream: ServerHttp2Stream) => void> = {
  '/echo': (stream) => {
    let sum: string | null = null;
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (sum = String(trailers['x-sum'])));
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-back': sum ?? 'none' }));
    stream.pipe(stream);
  },
  '/hints': (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>' });
    stream.respond({ ':status': 204 }, { endStream: true });
  },
  '/reset': (stream) => stream.close(constants.NGHTTP2_CANCEL),
};

function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.on('error', () => {});
  const special = serving[headers[':path'] ?? ''];
  if (special !== undefined) {
    special(stream);
    return;
  }
  stream.respond({ ':status': 200, 'x-method': String(headers[':method']), 'content-length': '5' });
  stream.end('hello');
}

function at(path: string, method: Pairs = get): Pairs {
  return [...method.slice(0, 3), [':path', path]];
}

async function bodyOf(stream: ClientHttp2Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) if (Buffer.isBuffer(part)) parts.push(part);
  return Buffer.concat(parts);
}

test('a Node client gets back on 200 streams at once what it sent on each', async () => {
  const bodies = Array.from({ length: 200 }, (_, i) => randomBytes(1000 + i * 333));
  // 128 at a time: the client waits for the others by itself.
  const answers = await Promise.all(
    bodies.map((body) => {
      const stream = session.request({ ':method': 'POST', ':path': '/echo' });
      stream.end(body);
      return bodyOf(stream);
    }),
  );
  for (const [i, body] of bodies.entries()) assert.ok(answers[i]?.equals(body), `stream ${i}`);
});

test('a Node client sends and gets 20 MB on one stream', async () => {
  const body = randomBytes(20_000_000);
  const stream = session.request({ ':method': 'POST', ':path': '/echo' });
  stream.end(body);
  assert.ok((await bodyOf(stream)).equals(body));
});

test('a Node client sends trailers, and gets them', async () => {
  const stream = session.request({ ':method': 'POST', ':path': '/echo' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }));
  const trailers = once(stream, 'trailers');
  stream.end('content');
  assert.equal((await bodyOf(stream)).toString(), 'content');
  const [fields]: IncomingHttpHeaders[] = await trailers;
  assert.equal(fields?.['x-sum'], 'abc');
});

test('a Node client that cancels streams goes on with others', async () => {
  for (let i = 0; i < 50; i++) {
    const stream = session.request({ ':path': '/bytes/10000000' });
    stream.on('error', () => {});
    await once(stream, 'data');
    stream.close(constants.NGHTTP2_CANCEL);
    await once(stream, 'close');
  }
  assert.equal((await bodyOf(session.request({ ':path': '/' }))).toString(), 'hello');
  assert.equal((await bodyOf(session.request({ ':method': 'HEAD', ':path': '/' }))).length, 0);
});

test('a Node client that reads slowly holds up nobody else', async () => {
  const slow = session.request({ ':path': '/bytes/50000000' });
  await once(slow, 'readable');
  assert.equal((await bodyOf(session.request({ ':path': '/' }))).toString(), 'hello');
  slow.on('error', () => {});
  slow.destroy();
  await once(slow, 'close');
});

test('a Node server answers 300 requests at once', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, () => client.fetch(at('/'))));
  for (const { status, body, headers } of answers) {
    assert.deepEqual([status, body.toString(), headers['x-method']], [200, 'hello', 'GET']);
  }
  assert.equal((await client.fetch([[':method', 'HEAD'], ...get.slice(1)])).headers['content-length'], '5');
});

test('a Node server gives back 20 MB, and trailers', async () => {
  const body = randomBytes(20_000_000);
  const fetched = await client.fetch(at('/echo', post), { body, trailers: [['x-sum', 'abc']] });
  assert.ok(fetched.body.equals(body));
  assert.deepEqual(fetched.trailers['x-back'], 'abc');
});

test('a Node server gives back on 60 streams at once what was sent on each', async () => {
  const bodies = Array.from({ length: 60 }, () => randomBytes(300_000));
  const answers = await Promise.all(
    bodies.map((body) => client.fetch(at('/echo', post), { body, trailers: [['x-sum', '1']] })),
  );
  for (const [i, body] of bodies.entries()) assert.ok(answers[i]?.body.equals(body), `stream ${i}`);
});

test('interim answers and resets of a Node server arrive', async () => {
  const hints = await client.fetch(at('/hints'));
  assert.deepEqual([hints.interim, hints.status], [[103], 204]);
  await assert.rejects(client.fetch(at('/reset')), { code: constants.NGHTTP2_CANCEL });
  assert.equal((await client.fetch(at('/'))).status, 200);
});
