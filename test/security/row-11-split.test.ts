import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { frameFlag, frameType } from '../../src/egress/wire/http2/protocol.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { ConnectionClosed, headerValues } from '../support/http-bytes.ts';
import { askHttp2, connectForHttp2 } from '../support/http2-client.ts';
import { openFrameConnection } from '../support/http2-frames.ts';
import type { FrameConnection } from '../support/http2-frames.ts';
import { startPlainUpstream } from '../support/plain-upstream.ts';
import type { PlainUpstream } from '../support/plain-upstream.ts';
import { connectPlain } from '../support/proxy-client.ts';
import type { RawConnection } from '../support/proxy-client.ts';
import { block, data, frame } from '../unit/egress/http2/frames.ts';
import type { Pairs } from '../unit/egress/http2/frames.ts';

/** Row 11: a stand-in that comes in pieces, whatever cuts it, is found all the same, and judged by the same rule. */
const host = 'api.example.com';
const plainHost = 'plain.example.com';
let rig: EgressRig;
let plain: PlainUpstream;
let sandbox: RigSandbox;
let value: string;

before(async () => {
  plain = await startPlainUpstream();
  rig = await startEgressRig({
    names: [host],
    also: { [`${plainHost}:80`]: plain.port },
    server: { env: { STANDIN_EGRESS_CLEARTEXT_HOSTS: plainHost } },
  });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host, plainHost] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  const received = rig === undefined ? '' : rig.upstream.receivedText() + plain.heads.join('');
  await rig?.stop();
  await plain?.stop();
  assert.ok(sandbox !== undefined && !received.includes(sandbox.standIn('KEY')), 'no stand-in reached an upstream');
});

/** In its slot, and out of it. */
const inSlot = () => `Authorization: Bearer ${sandbox.standIn('KEY')}`;
const outOfSlot = () => `X-Note: ${sandbox.standIn('KEY')}`;

/** Both parts of `text` at each of its bytes. */
function* splits(text: string): Generator<[string, string]> {
  for (let at = 1; at < text.length; at++) yield [text.slice(0, at), text.slice(at)];
}

describe('a head that is split over two TLS records at each of its bytes', () => {
  const head = (line: string) => `GET /records HTTP/1.1\r\nHost: ${host}\r\n${line}\r\n\r\n`;

  it('has its stand-in swapped in the slot', async () => {
    const connection = await sandbox.connect(host);
    for (const parts of splits(head(inSlot()))) {
      for (const part of parts) connection.send(part);
      assert.equal((await connection.response()).status, 200);
    }
    connection.close();
    for (const request of rig.requestsFor('/records')) {
      assert.deepEqual(headerValues(request.head, 'authorization'), [`Bearer ${value}`]);
    }
  });

  it('is refused with a stand-in out of it', async () => {
    const seen = rig.upstream.requests.length;
    const connection = await sandbox.connect(host);
    for (const parts of splits(head(outOfSlot()))) {
      for (const part of parts) connection.send(part);
      assert.equal((await connection.response()).header('x-standin-error'), 'credential_host_mismatch');
    }
    connection.close();
    assert.equal(rig.upstream.requests.length, seen);
  });

  it('is one head also where each byte is a record', async () => {
    const connection = await sandbox.connect(host);
    for (const each of head(outOfSlot())) connection.send(each);
    assert.equal((await connection.response()).header('x-standin-error'), 'credential_host_mismatch');
    for (const each of head(inSlot())) connection.send(each);
    assert.equal((await connection.response()).status, 200);
    connection.close();
  });
});

describe('a head that is split over two TCP segments at each of its bytes', () => {
  const head = (line: string) =>
    [
      `GET http://${plainHost}/segments HTTP/1.1`,
      `Host: ${plainHost}`,
      `Proxy-Authorization: ${sandbox.access.authorization}`,
      line,
      '',
      '',
    ].join('\r\n');

  /**
   * Resolves when the only worker has read what was sent to it before: it looks at its sockets again between a request and
   * the upstream's answer to it, and what had arrived by then comes first.
   */
  async function workerHasRead(other: RawConnection): Promise<void> {
    other.send(`GET /turn HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await other.response()).status, 200);
  }

  it('has its stand-in swapped in the slot, and is refused with one out of it', async () => {
    const other = await sandbox.connect(host);
    const connection = await connectPlain(sandbox.access);
    for (const [line, expected] of [
      [inSlot(), undefined],
      [outOfSlot(), 'credential_host_mismatch'],
    ] as const) {
      const seen = plain.heads.length;
      let count = 0;
      for (const [first, second] of splits(head(line))) {
        connection.send(first);
        await workerHasRead(other);
        connection.send(second);
        assert.equal((await connection.response()).header('x-standin-error'), expected, first);
        count += 1;
      }
      const sent = `GET /segments HTTP/1.1\r\nHost: ${plainHost}\r\nAuthorization: Bearer ${value}\r\n\r\n`;
      assert.deepEqual(
        plain.heads.slice(seen),
        expected === undefined ? Array.from({ length: count }, () => sent) : [],
      );
    }
    connection.close();
    other.close();
  });
});

describe('trailers of a chunked request', () => {
  const start = `POST /trailers HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`;

  it('with a stand-in, split at each of their bytes, do not arrive, nor the end of their request', async () => {
    for (const [first, second] of splits(`4\r\nwhat\r\n0\r\nX-A: b\r\n${outOfSlot()}\r\n\r\n`)) {
      const seen = rig.requestsFor('/trailers').length;
      const connection = await sandbox.connect(host);
      connection.send(start);
      connection.send(first);
      connection.send(second);
      const response = await connection.response().catch((error: unknown) => {
        // The upstream was asked before the trailers came: whoever answers first, the connection does not go on.
        if (error instanceof ConnectionClosed) return null;
        throw error;
      });
      if (response?.status !== 200) assert.equal(response?.header('x-standin-error'), 'credential_host_mismatch');
      await connection.reader.closed;
      for (const { body } of rig.requestsFor('/trailers').slice(seen)) await assert.rejects(body, ConnectionClosed);
    }
  });

  it('with anything else, split at each of their bytes, arrive as they were', async () => {
    const trailers = [
      ['X-A', 'b'],
      ['X-Sum', 'standing-by'],
    ];
    const connection = await sandbox.connect(host);
    for (const parts of splits(`4\r\nwhat\r\n0\r\n${trailers.map((each) => each.join(': ')).join('\r\n')}\r\n\r\n`)) {
      connection.send(start.replace('/trailers', '/clean'));
      for (const part of parts) connection.send(part);
      assert.equal((await connection.response()).status, 200);
    }
    connection.close();
    for (const { body } of rig.requestsFor('/clean')) assert.deepEqual((await body).trailers, trailers);
  });
});

describe('a field block of HTTP/2', () => {
  const fields = (path: string, ...more: Pairs): Pairs => [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', host],
    [':path', path],
    ...more,
  ];
  const lower = (line: string): [string, string] => {
    const [name = '', text = ''] = line.split(': ');
    return [name.toLowerCase(), text];
  };
  let connection: FrameConnection;
  let id: number;
  before(async () => {
    connection = await openFrameConnection(sandbox, host);
    id = -1;
  });
  after(() => connection?.close());

  /** HEADERS and CONTINUATION frames that hold these parts of a block. */
  function* frames(parts: Buffer[]): Generator<Buffer> {
    for (const [index, payload] of parts.entries()) {
      const flags = (index === 0 ? frameFlag.endStream : 0) | (index === parts.length - 1 ? frameFlag.endHeaders : 0);
      yield frame(index === 0 ? frameType.headers : frameType.continuation, flags, { id, payload });
    }
  }

  async function refusalOf(...pieces: Buffer[]): Promise<string | undefined> {
    connection.send(...pieces);
    const answer = await connection.answer(id);
    assert.ok(answer !== 'reset');
    return answer['x-standin-error'] ?? answer[':status'];
  }

  for (const [what, line, expected] of [
    ['in the slot is swapped', inSlot, '200'],
    ['out of the slot is refused', outOfSlot, 'credential_host_mismatch'],
  ] as const) {
    it(`whose stand-in ${what}, split over HEADERS and CONTINUATION at each of its bytes`, async () => {
      const path = `/continued/${expected}`;
      const whole = block(fields(path, lower(line())));
      for (let at = 0; at <= whole.length; at++) {
        id += 2;
        assert.equal(await refusalOf(...frames([whole.subarray(0, at), whole.subarray(at)])), expected, `at ${at}`);
      }
      const requests = rig.requestsFor(path);
      assert.equal(requests.length, expected === '200' ? whole.length + 1 : 0);
      for (const { head } of requests) assert.deepEqual(headerValues(head, 'authorization'), [`Bearer ${value}`]);
    });

    it(`whose stand-in ${what}, its frame split over TLS records at each of its bytes`, async () => {
      for (let at = 1; ; at++) {
        id += 2;
        const bytes = frame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, {
          id,
          payload: block(fields('/recorded', lower(line()))),
        });
        if (at === bytes.length) break;
        assert.equal(await refusalOf(bytes.subarray(0, at), bytes.subarray(at)), expected, `at ${at}`);
      }
    });
  }

  it('whose stand-in is in the dynamic table since another request is refused as if it were spelt out', async () => {
    id += 2;
    const literal = ([name, text]: [string, string]) => {
      const bytes = block([[name, text]]);
      bytes[0] = 0x40; // incremental indexing (RFC 7541 section 6.2.1)
      return bytes;
    };
    const newest = Buffer.from([0x80 | 62]);
    const bare = block(fields('/table'));
    const send = (rest: Buffer) => refusalOf(...frames([Buffer.concat([bare, rest])]));
    assert.equal(await send(literal(lower(outOfSlot()))), 'credential_host_mismatch');
    id += 2;
    assert.equal(await send(newest), 'credential_host_mismatch');
    id += 2;
    assert.equal(await send(literal(lower(inSlot()))), '200');
    id += 2;
    assert.equal(await send(newest), '200');
    const swapped = rig.requestsFor('/table').map(({ head }) => headerValues(head, 'authorization'));
    assert.deepEqual(swapped, [[`Bearer ${value}`], [`Bearer ${value}`]]);
  });

  it('with a stand-in in trailers is refused, and its request does not end at the upstream', async () => {
    const trailers = block([lower(outOfSlot())]);
    for (let at = 0; at <= trailers.length; at++) {
      id += 2;
      const seen = rig.requestsFor('/trailing').length;
      const head = frame(frameType.headers, frameFlag.endHeaders, {
        id,
        payload: block([[':method', 'POST'], ...fields('/trailing').slice(1)]),
      });
      connection.send(head, data(id, 'what'), ...frames([trailers.subarray(0, at), trailers.subarray(at)]));
      const answer = await connection.answer(id);
      if (answer !== 'reset' && answer[':status'] !== '200') {
        assert.equal(answer['x-standin-error'], 'credential_host_mismatch');
      }
      for (const { body } of rig.requestsFor('/trailing').slice(seen)) await assert.rejects(body, ConnectionClosed);
    }
  });
});

describe('what nghttp2 makes of it', () => {
  it('is found in Huffman code, and again as an index into the table', async () => {
    const tls = await connectForHttp2(sandbox, host);
    const written: Buffer[] = [];
    const tapped = new Duplex({
      read: () => void tls.resume(),
      write: (chunk: Buffer, _encoding, done) => {
        written.push(chunk);
        tls.write(chunk, done);
      },
    });
    tls.on('data', (chunk: Buffer) => {
      if (!tapped.push(chunk)) tls.pause();
    });
    const session = connectHttp2(`https://${host}`, { createConnection: () => tapped });
    const standIn = sandbox.standIn('KEY');
    const sizes: number[] = [];
    for (let round = 0; round < 2; round++) {
      written.length = 0;
      const { headers } = await askHttp2(session, { ':authority': host, ':path': '/', 'x-note': standIn });
      assert.equal(headers['x-standin-error'], 'credential_host_mismatch');
      const bytes = Buffer.concat(written);
      assert.ok(!bytes.includes(standIn) && !bytes.includes('standin'), 'it did not go out as it is');
      sizes.push(bytes.length);
    }
    assert.ok((sizes[1] ?? 0) < standIn.length, `the second time it was an index: ${sizes.join(', ')} bytes`);
    session.destroy();
    tls.destroy();
  });
});
