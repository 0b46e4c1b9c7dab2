import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { envelopesOf, hidingField, namesCoding } from '../../../../src/egress/scrub/envelopes.ts';
import { GrpcScrubber } from '../../../../src/egress/scrub/grpc-scrubber.ts';
import { narrowRequestField } from '../../../../src/egress/scrub/heads.ts';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';

const value = 'sk-live_9fQ2/xy+Z7w=Kd41mmBv8RtT0pLZ';
const standIn = 'sk-standin0123456789ABCDEFGHIJKLMNOP';
assert.equal(standIn.length, value.length);

function message(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

function packed(content: string | Buffer): Buffer {
  const bytes = message(content);
  bytes[0] = 1;
  return bytes;
}

/** A scrubber and what has come out of it so far. */
function scrubber({ withStandIn = standIn, encoding = '', flags = 0 } = {}) {
  const scrub = compileScrub([{ id: 'one', standIn: withStandIn, value: Buffer.from(value) }]);
  assert.ok(scrub !== null);
  const out: Buffer[] = [];
  const state = { ended: false, error: null as string | null };
  const handler = {
    onData: (bytes: Buffer) => {
      out.push(Buffer.from(bytes));
      return true;
    },
    onDrain: () => undefined,
    onEnd: () => (state.ended = true),
    onError: (reason: string) => (state.error = reason),
  };
  const instance = new GrpcScrubber(scrub, handler, { encoding, flags });
  const push = (bytes: Buffer) => {
    const lent = Buffer.from(bytes);
    instance.push(lent);
    lent.fill(0);
  };
  return { push, end: () => instance.end(), state, came: () => Buffer.concat(out) };
}

describe('the messages of a gRPC answer', () => {
  test('the end of a message waits for nothing, whatever byte it is', () => {
    const { push, came } = scrubber();
    const sent: Buffer[] = [];
    for (let byte = 0; byte < 256; byte++) {
      const one = message(Buffer.from([byte]));
      sent.push(one);
      push(one);
      assert.ok(came().equals(Buffer.concat(sent)), `byte ${byte} waits`);
    }
  });

  test('a value gives way to the stand-in, however the bytes are split', () => {
    const text = (secret: string) =>
      Buffer.concat(
        [`a ${secret}`, '', `${secret}b${secret}`, Buffer.from(`<${secret}>`).toString('base64'), 'sk'].map(message),
      );
    const sent = text(value);
    for (let size = 1; size <= sent.length; size++) {
      const { push, end, state, came } = scrubber();
      for (let at = 0; at < sent.length; at += size) push(sent.subarray(at, at + size));
      end();
      assert.ok(state.ended);
      assert.equal(came().toString('latin1'), text(standIn).toString('latin1'), `pieces of ${size}`);
    }
  });

  test('lengths stay where the stand-in has another', () => {
    for (const other of ['standin-short', `standin-${'long'.repeat(20)}`]) {
      const { push, came } = scrubber({ withStandIn: other });
      push(message(`a ${value} b`));
      assert.equal(came().toString('latin1'), message(`a ${other.padEnd(36, 'x').slice(0, 36)} b`).toString('latin1'));
    }
  });

  test('a length that cuts a value in two gives no more than a few bytes of it', () => {
    for (let cut = 1; cut < value.length; cut++) {
      const { push, end, state, came } = scrubber();
      push(message(`Bearer ${value.slice(0, cut)}`));
      push(Buffer.from(`${value.slice(cut)}"}`));
      end();
      assert.notEqual(state.error, null);
      assert.ok(came().length <= 5 + 'Bearer '.length + 7, `${came().length} bytes at ${cut}`);
    }
  });

  test('what only looks like a long beginning of a value goes on with the next message, and at the end', () => {
    const { push, end, state, came } = scrubber();
    const first = message(`so it begins: ${value.slice(0, 12)}`);
    push(first);
    const second = message(`and again: ${value.slice(0, 20)}`);
    push(second.subarray(0, 1));
    assert.ok(came().equals(first));
    push(second.subarray(1));
    end();
    assert.equal(came().toString('latin1'), Buffer.concat([first, second]).toString('latin1'));
    assert.deepEqual(state, { ended: true, error: null });
  });

  test('a compressed message is undone, searched, and compressed again where that changed it', () => {
    for (const [encoding, encode, decode] of [
      ['gzip', gzipSync, gunzipSync],
      ['deflate', deflateSync, inflateSync],
    ] as const) {
      const clean = packed(encode('nothing in it'));
      const sent = Buffer.concat([
        message('plain'),
        clean,
        packed(encode(`so: ${value}`)),
        message('after'),
        packed(''),
      ]);
      for (let size = 1; size <= sent.length; size++) {
        const { push, end, state, came } = scrubber({ encoding });
        for (let at = 0; at < sent.length; at += size) push(sent.subarray(at, at + size));
        end();
        assert.deepEqual(state, { ended: true, error: null });
        const before = Buffer.concat([message('plain'), clean]);
        assert.ok(came().subarray(0, before.length).equals(before));
        const rest = came().subarray(before.length);
        const length = rest.readUInt32BE(1);
        assert.equal(rest[0], 1);
        assert.equal(decode(rest.subarray(5, 5 + length)).toString(), `so: ${standIn}`);
        assert.ok(rest.subarray(5 + length).equals(Buffer.concat([message('after'), packed('')])));
      }
    }
  });

  test('a compressed message that cannot be searched ends the answer', () => {
    const tooLarge = Buffer.from([1, 0, 0x10, 0, 1]);
    for (const [encoding, bad] of [
      ['', packed(gzipSync(value))],
      ['snappy', packed(value)],
      ['gzip', packed(value)],
      ['gzip', packed(Buffer.concat([gzipSync('more'), Buffer.from(value)]))],
      ['gzip', packed(gzipSync(Buffer.alloc(1024 * 1024 + 1)))],
      ['gzip', tooLarge],
      ['gzip', Buffer.from([2, 0, 0, 0, 0])],
    ] as const) {
      const { push, state, came } = scrubber({ encoding });
      push(Buffer.concat([message('first'), bad]));
      assert.match(state.error ?? '', /cannot be searched/);
      assert.ok(came().equals(message('first')));
    }
  });

  test('large messages pass at once, as they come', () => {
    const { push, came } = scrubber();
    const large = message(randomBytes(300_000));
    for (let at = 0; at < large.length; at += 16_384) {
      push(large.subarray(at, at + 16_384));
      assert.ok(came().length > Math.min(large.length, at + 16_384) - 64);
    }
    assert.ok(came().equals(large));
  });
});

test('the last frame of gRPC-Web and the last message of Connect are searched as others are, compressed too', () => {
  for (const flags of [0x80, 0x02]) {
    const last = (bytes: Buffer) => {
      bytes[0] = (bytes[0] ?? 0) | flags;
      return bytes;
    };
    const plain = scrubber({ flags });
    plain.push(Buffer.concat([message('first'), last(message(`grpc-message: ${value}`))]));
    assert.deepEqual(plain.came(), Buffer.concat([message('first'), last(message(`grpc-message: ${standIn}`))]));
    const compressed = scrubber({ flags, encoding: 'gzip' });
    compressed.push(last(packed(gzipSync(value))));
    const came = compressed.came();
    assert.equal(came[0], flags | 1);
    assert.equal(gunzipSync(came.subarray(5)).toString(), standIn);
    const unknown = scrubber({ flags, encoding: 'gzip' });
    unknown.push(Buffer.from([flags | 0x10, 0, 0, 0, 0]));
    assert.match(unknown.state.error ?? '', /cannot be searched/);
  }
});

test('messages are told by their content type, and compression of them is not asked for', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'Application/GRPC; a=b'])
    assert.equal(envelopesOf(type)?.flags, 0);
  for (const type of ['application/grpc-web', 'application/grpc-web+proto'])
    assert.equal(envelopesOf(type)?.flags, 0x80);
  assert.equal(envelopesOf('application/connect+json')?.encodingField, 'connect-content-encoding');
  for (const type of ['application/grpc-web-text', 'application/grpcx', 'application/connect', 'text/plain', ''])
    assert.equal(envelopesOf(type), null);
  for (const name of ['grpc-accept-encoding', 'connect-accept-encoding'])
    assert.equal(narrowRequestField(name, 'identity,deflate,gzip'), 'identity');
});

test('what is compressed and then written in base64 is known', () => {
  assert.equal(hidingField('application/grpc-web-text+proto', false), 'grpc-encoding');
  assert.equal(hidingField('application/grpc-web-text', true), 'grpc-encoding');
  assert.equal(hidingField('application/grpc-web', false), null);
  assert.equal(hidingField('application/grpc-web', true), 'grpc-encoding');
  assert.equal(hidingField('application/connect+json', true), 'connect-content-encoding');
  assert.equal(hidingField('application/json', true), null);
  for (const encoding of ['gzip', 'snappy', 'identity, gzip']) assert.ok(namesCoding(encoding));
  for (const encoding of ['identity', '']) assert.ok(!namesCoding(encoding));
});
