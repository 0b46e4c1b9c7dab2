import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { ConnectionClosed, headerValues } from '../support/http-bytes.ts';
import { waitUntil } from '../support/processes.ts';
import type { RawConnection } from '../support/proxy-client.ts';
import { chunked, closeDelimited, headOnly, interim, sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

const host = 'api.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let connection: RawConnection;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  sandbox = await rig.sandbox();
  connection = await sandbox.connect(host);
});
after(async () => {
  connection?.close();
  await rig?.stop();
});

function head(startLine: string, ...lines: string[]): string {
  return [`${startLine} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');
}

/** A reply that answers as soon as the request has come whole. */
function afterBody(reply: Reply): (request: { body: Promise<unknown> }) => Reply {
  return (request) => ({
    ...reply,
    bytes: (async function* bytes() {
      await request.body;
      yield* reply.bytes;
    })(),
  });
}

describe('the body of a request', () => {
  for (const size of [0, 1, 16_384, 700_001]) {
    test(`of ${size} bytes by length arrives whole`, async () => {
      const path = `/upload-${size}`;
      const body = randomBytes(size);
      rig.answer(path, afterBody(sized(200, 'thanks')));
      connection.send(head(`POST ${path}`, `Content-Length: ${size}`));
      connection.send(body);
      assert.equal((await connection.response()).body.content.toString(), 'thanks');
      const received = await rig.requestsFor(path)[0]?.body;
      assert.ok(received?.raw.equals(body));
    });
  }

  test('in chunks arrives with its own chunks, extensions and trailers', async () => {
    const body = '5;name="va lue"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: abc\r\nx-sum: again\r\n\r\n';
    rig.answer('/chunks', afterBody(sized(200)));
    connection.send(head('PUT /chunks', 'transfer-encoding: Chunked', 'Trailer: X-Sum'));
    for (const byte of body) connection.send(byte);
    assert.equal((await connection.response()).status, 200);
    const [request] = rig.requestsFor('/chunks');
    const received = await request?.body;
    assert.equal(received?.raw.toString(), body);
    assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'trailer'), ['X-Sum']);
  });

  test('arrives as it is sent, piece by piece', async () => {
    rig.answer('/pieces', afterBody(sized(200)));
    connection.send(head('POST /pieces', 'Transfer-Encoding: chunked'));
    for (const piece of ['first', 'second', 'third']) {
      connection.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
      const arrived = () => rig.requestsFor('/pieces')[0]?.connection.received().includes(`${piece}\r\n`) === true;
      await waitUntil(arrived, { what: `${piece} at the upstream` });
    }
    connection.send('0\r\n\r\n');
    assert.equal((await connection.response()).status, 200);
  });

  test('that the client cuts short is cut short for the upstream too', async () => {
    const own = await sandbox.connect(host);
    rig.answer('/short', afterBody(sized(200)));
    own.send(head('POST /short', 'Content-Length: 100'));
    own.send('only this');
    await waitUntil(() => rig.requestsFor('/short').length === 1, { what: 'the request' });
    own.close();
    await assert.rejects(async () => rig.requestsFor('/short')[0]?.body, ConnectionClosed);
  });
});

describe('100-continue', () => {
  test('the upstream says go on: the client hears it, then the body follows', async () => {
    rig.answer('/expect', (request) => ({
      bytes: (async function* bytes() {
        yield 'HTTP/1.1 100 Continue\r\nX-Interim: yes\r\n\r\n';
        await request.body;
        yield* sized(201, 'made').bytes;
      })(),
    }));
    connection.send(head('POST /expect', 'Content-Length: 4', 'Expect: 100-continue'));
    const goOn = await connection.response();
    assert.equal(goOn.status, 100);
    assert.equal(goOn.header('x-interim'), 'yes');
    connection.send('body');
    assert.equal((await connection.response()).status, 201);
    assert.equal((await rig.requestsFor('/expect')[0]?.body)?.content.toString(), 'body');
  });

  for (const status of [417, 413]) {
    test(`the upstream answers ${status} at once: the client hears that, and that the connection ends`, async () => {
      const own = await sandbox.connect(host);
      rig.answer(`/expect-${status}`, () => ({ ...sized(status, 'no'), close: 'end' }));
      own.send(head(`POST /expect-${status}`, 'Content-Length: 1000000', 'Expect: 100-continue'));
      const refused = await own.response();
      assert.equal(refused.status, status);
      assert.equal(refused.body.content.toString(), 'no');
      // Without it the client would take the connection, which waits for a body, for one that can be used again.
      assert.equal(refused.header('connection'), 'close');
      assert.equal((await own.reader.toEnd()).length, 0);
    });
  }

  test('a body that comes all the same is read, and the next request is understood', async () => {
    rig.answer('/impatient', afterBody(sized(200)));
    connection.send(`${head('POST /impatient', 'Content-Length: 4', 'Expect: 100-continue')}body${head('GET /next')}`);
    assert.equal((await connection.response()).status, 200);
    assert.equal((await connection.response()).status, 200);
    assert.equal(rig.requestsFor('/next').length, 1);
  });
});

describe('the body of a response', () => {
  test('by length, also an empty one', async () => {
    for (const [path, body] of [
      ['/length', randomBytes(300_000)],
      ['/empty', Buffer.alloc(0)],
    ] as const) {
      rig.answer(path, () => sized(200, body));
      connection.send(head(`GET ${path}`));
      assert.ok((await connection.response()).body.raw.equals(body), path);
    }
  });

  test('in chunks, with its trailers', async () => {
    rig.answer('/chunked', () => chunked(['one', 'two'], { trailers: { 'X-Sum': 'abc', 'X-More': 'def' } }));
    connection.send(head('GET /chunked'));
    const { body } = await connection.response();
    assert.equal(body.raw.toString(), '3\r\none\r\n3\r\ntwo\r\n0\r\nX-Sum: abc\r\nX-More: def\r\n\r\n');
  });

  test('up to the end of the connection', async () => {
    const own = await sandbox.connect(host);
    rig.answer('/to-end', () => closeDelimited('x'.repeat(200_000)));
    own.send(head('GET /to-end'));
    const response = await own.response();
    assert.equal(response.body.content.length, 200_000);
    assert.equal(response.header('connection'), 'close');
  });

  test('arrives as it is sent: every event of a stream before the next one is made', async () => {
    const seen = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    rig.answer('/events', () =>
      chunked(
        (async function* events() {
          for (const [index, { promise }] of seen.entries()) {
            yield `data: ${index}\n\n`;
            await promise;
          }
        })(),
        { headers: { 'Content-Type': 'text/event-stream' } },
      ),
    );
    connection.send(head('GET /events'));
    for (const [index, { resolve }] of seen.entries()) {
      await connection.reader.until(`data: ${index}\n\n`);
      resolve();
    }
    await connection.reader.until('0\r\n\r\n');
  });

  for (const [what, bytes, lastGood] of [
    ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', '12345'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n', '12345\r\n'],
  ] as const) {
    for (const close of ['end', 'reset'] as const) {
      test(`${what} that the upstream cuts short (${close}) is cut short for the client`, async () => {
        const own = await sandbox.connect(host);
        const path = `/cut-${what.replace(' ', '-')}-${close}`;
        // A reset may overtake what was sent before it, so it waits until the client has that.
        const read = Promise.withResolvers<void>();
        rig.answer(path, () => ({
          bytes: (async function* reply() {
            yield bytes;
            await read.promise;
          })(),
          close,
        }));
        own.send(head(`GET ${path}`));
        await own.reader.until(lastGood);
        read.resolve();
        assert.equal((await own.reader.toEnd()).length, 0, 'nothing is made up');
      });
    }
  }

  test('that breaks its framing is cut short', async () => {
    const own = await sandbox.connect(host);
    const read = Promise.withResolvers<void>();
    rig.answer('/bad-chunk', () => ({
      bytes: (async function* reply() {
        yield 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n';
        await read.promise;
        yield 'zz\r\nabc\r\n';
      })(),
    }));
    own.send(head('GET /bad-chunk'));
    await own.reader.until('abc\r\n');
    read.resolve();
    assert.equal((await own.reader.toEnd()).length, 0);
  });

  test('may begin before the request has ended, and both go on', async () => {
    const own = await sandbox.connect(host);
    rig.answer('/duplex', (request) =>
      chunked(
        (async function* echo() {
          yield 'begun';
          yield (await request.body).content.toString();
        })(),
      ),
    );
    own.send(head('POST /duplex', 'Content-Length: 4'));
    await own.reader.until('begun\r\n');
    own.send('late');
    await own.reader.until('late\r\n0\r\n\r\n');
    own.close();
  });

  for (const close of ['end', undefined] as const) {
    const what =
      close === 'end' ? 'and the upstream closes' : 'and the upstream reads on: its connection is not used again';
    test(`that is whole before the request has ended reaches the client, ${what}`, async () => {
      const own = await sandbox.connect(host);
      const path = `/early-${close}`;
      rig.answer(path, () => ({ ...sized(413, 'too much'), ...(close === undefined ? {} : { close }) }));
      own.send(head(`POST ${path}`, 'Content-Length: 10000000'));
      own.send(Buffer.alloc(100_000));
      const response = await own.response();
      assert.equal(response.status, 413);
      assert.equal(response.body.content.toString(), 'too much');
      assert.equal(response.header('connection'), 'close');
      const next = await sandbox.connect(host);
      next.send(head(`GET /after${path}`));
      assert.equal((await next.response()).status, 200);
      const [early, later] = [rig.requestsFor(path)[0], rig.requestsFor(`/after${path}`)[0]];
      assert.notEqual(later?.connection.index, early?.connection.index);
      next.close();
    });
  }
});

describe('a response without a body', () => {
  for (const status of [204, 304]) {
    test(`${status} ends with its head, and the connection goes on`, async () => {
      rig.answer(`/${status}`, () => headOnly(status, status === 304 ? { 'Content-Length': '99', ETag: '"a"' } : {}));
      connection.send(head(`GET /${status}`));
      const response = await connection.response();
      assert.equal(response.status, status);
      assert.equal(response.header('content-length'), status === 304 ? '99' : undefined);
    });
  }

  test('to HEAD keeps the length of what GET would give', async () => {
    rig.answer('/head', () => headOnly(200, { 'Content-Length': '12345' }));
    connection.send(head('HEAD /head'));
    const response = await connection.response('HEAD');
    assert.equal(response.header('content-length'), '12345');
    connection.send(head('GET /after-head'));
    assert.equal((await connection.response()).status, 200);
  });

  test('interim heads go through, as many as there are', async () => {
    rig.answer('/hints', () => interim(103, interim(102, sized(200, 'done')), { Link: '</style.css>; rel=preload' }));
    connection.send(head('GET /hints'));
    const hints = await connection.response();
    assert.equal(hints.status, 103);
    assert.equal(hints.header('link'), '</style.css>; rel=preload');
    assert.equal((await connection.response()).status, 102);
    assert.equal((await connection.response()).body.content.toString(), 'done');
  });
});

describe('an answer that is none', () => {
  for (const [what, bytes] of Object.entries({
    'no HTTP': 'SSH-2.0-OpenSSH\r\n\r\n',
    'two lengths that differ': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'length beside chunks':
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'a head over 64 KiB': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(66_000)}\r\n\r\n`,
    'a switch that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
  })) {
    test(`${what}: 502`, async () => {
      const own = await sandbox.connect(host);
      rig.answer('/none', () => ({ bytes: [bytes], close: 'end' }));
      own.send(head('GET /none'));
      const response = await own.response();
      assert.equal(response.status, 502);
      assert.equal(response.header('x-standin-error'), 'upstream_protocol_error');
      own.close();
    });
  }

  test('a connection that closes without a word: 502', async () => {
    const own = await sandbox.connect(host);
    rig.answer('/silent', () => ({ bytes: [], close: 'end' }));
    own.send(head('GET /silent'));
    assert.equal((await own.response()).header('x-standin-error'), 'upstream_unreachable');
    own.close();
  });

  test('more than the answer: the client gets the answer alone, and the upstream is not asked on that connection again', async () => {
    rig.answer('/surplus', () => ({ bytes: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n'] }));
    connection.send(head('GET /surplus'));
    assert.equal((await connection.response()).body.content.toString(), 'ok');
    connection.send(head('GET /after-surplus'));
    assert.equal((await connection.response()).body.content.length, 0);
    const [surplus, next] = [rig.requestsFor('/surplus')[0], rig.requestsFor('/after-surplus')[0]];
    assert.notEqual(next?.connection.index, surplus?.connection.index);
  });
});

describe('an HTTP/1.0 client', () => {
  test('gets its answer, no interim heads, and the end of the connection', async () => {
    const own = await sandbox.connect(host);
    rig.answer('/old', () => interim(103, sized(200, 'old')));
    own.send(`GET /old HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    const response = await own.response();
    assert.equal(response.status, 200);
    assert.equal(response.body.content.toString(), 'old');
    assert.equal(response.header('connection'), 'close');
    assert.equal((await own.reader.toEnd()).length, 0);
  });

  test('gets no chunks, which it could not read', async () => {
    const own = await sandbox.connect(host);
    rig.answer('/old-chunks', () => chunked(['abc']));
    own.send(`GET /old-chunks HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await own.response()).header('x-standin-error'), 'upstream_protocol_error');
  });
});

describe('large heads', () => {
  test('of 60 KiB pass both ways', async () => {
    const long = 'v'.repeat(60_000);
    rig.answer('/large', () => sized(200, '', { 'X-Long': long }));
    connection.send(head('GET /large', `X-Long: ${long}`));
    assert.equal((await connection.response()).header('x-long'), long);
    assert.deepEqual(headerValues(rig.requestsFor('/large')[0]?.head ?? { headers: [] }, 'x-long'), [long]);
  });

  test('over 64 KiB are refused with 431', async () => {
    const own = await sandbox.connect(host);
    own.send(head('GET /too-large', `X-Long: ${'v'.repeat(70_000)}`));
    const response = await own.response();
    assert.equal(response.status, 431);
    assert.equal(response.header('x-standin-error'), 'head_too_large');
    assert.equal(rig.requestsFor('/too-large').length, 0);
  });
});
