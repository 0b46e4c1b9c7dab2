import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { BodyReader } from '../../../src/egress/wire/body.ts';
import type { ResponseFraming } from '../../../src/egress/wire/head.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';

const next = 'GET /next HTTP/1.1\r\n';

/** Pushes `text` in pieces that end at `cuts`; returns what was forwarded, the trailers withheld, and what is left. */
function read(
  framing: ResponseFraming,
  text: string,
  cuts: number[],
): { body: string; trailers: string; left: string; done: boolean } {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new BodyReader(framing, 400);
  let body = '';
  let at = 0;
  for (const end of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    const pushed = reader.push(bytes, at, end);
    if (pushed instanceof WireError) throw new Error(pushed.reason);
    assert.ok(pushed >= at && pushed <= end && reader.forwardEnd >= at && reader.forwardEnd <= pushed);
    body += bytes.toString('latin1', at, reader.forwardEnd);
    if (!reader.done) assert.equal(pushed, end);
    at = pushed;
    if (reader.done) break;
  }
  return {
    body,
    trailers: reader.trailers?.toString('latin1') ?? '',
    left: bytes.toString('latin1', at),
    done: reader.done,
  };
}

const chunked = '5\r\nhello\r\n1;name="v a"; x\r\n \r\nA\r\n0123456789\r\n0\r\n';

test('a chunked body ends at its last byte, forwarded as it came, however it is split once or twice', () => {
  const text = `${chunked}\r\n${next}`;
  for (let a = 0; a <= text.length; a++) {
    for (let b = a; b <= text.length; b += 3) {
      assert.deepEqual(read({ kind: 'chunked' }, text, [a, b]), {
        body: `${chunked}\r\n`,
        trailers: '',
        left: next,
        done: true,
      });
    }
  }
});

test('each chunk may have an extension of its own', () => {
  const body = `1;${'a'.repeat(255)}\r\nx\r\n`.repeat(3);
  assert.equal(read({ kind: 'chunked' }, `${body}0\r\n\r\n`, [300]).done, true);
});

test('trailers are withheld whole, however they are split', () => {
  const trailers = 'X-Checksum: abc\r\nGrpc-Status: 0\r\n\r\n';
  const text = `${chunked}${trailers}${next}`;
  for (let a = 0; a <= text.length; a++) {
    for (let b = a; b <= text.length; b += 3) {
      assert.deepEqual(read({ kind: 'chunked' }, text, [a, b]), { body: chunked, trailers, left: next, done: true });
    }
  }
});

test('a body of known length ends there, however it is split', () => {
  const text = `0123456789${next}`;
  for (let a = 0; a <= text.length; a++) {
    assert.deepEqual(read({ kind: 'length', length: 10 }, text, [a]), {
      body: '0123456789',
      trailers: '',
      left: next,
      done: true,
    });
  }
});

test('no body, and one of length 0, are done before anything is read', () => {
  for (const framing of [{ kind: 'none' }, { kind: 'length', length: 0 }] as const) {
    assert.equal(new BodyReader(framing, 400).done, true);
    assert.deepEqual(read(framing, next, []), { body: '', trailers: '', left: next, done: true });
  }
});

test('a body that ends with its connection takes everything and is never done', () => {
  assert.deepEqual(read({ kind: 'close' }, `a${next}`, [3, 9]), {
    body: `a${next}`,
    trailers: '',
    left: '',
    done: false,
  });
});

test('a body that is not whole is not done', () => {
  const text = `${chunked}\r\n`;
  for (let length = 0; length < text.length; length++)
    assert.equal(read({ kind: 'chunked' }, text.slice(0, length), []).done, false);
  assert.equal(read({ kind: 'length', length: 3 }, 'ab', []).done, false);
});

test('any chunks, split at any bytes, come out as they went in', () => {
  const chunk = fc.record({
    data: fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }),
    upper: fc.boolean(),
    zeros: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 12 }), (chunks, cuts) => {
      const body = chunks
        .map(({ data, upper, zeros }) => {
          const size = '0'.repeat(zeros) + data.length.toString(16);
          return `${upper ? size.toUpperCase() : size}\r\n${data}\r\n`;
        })
        .join('');
      const whole = `${body}0\r\n\r\n`;
      const text = whole + next;
      const inside = cuts.map((cut) => cut % (text.length + 1));
      assert.deepEqual(read({ kind: 'chunked' }, text, inside), { body: whole, trailers: '', left: next, done: true });
    }),
  );
});

test('a chunk of nearly 2^53 bytes is counted without being held', () => {
  const reader = new BodyReader({ kind: 'chunked' }, 502);
  const size = Buffer.from('1FFFFFFFFFFFFF\r\n');
  assert.equal(reader.push(size, 0, size.length), size.length);
  const data = Buffer.alloc(65_536);
  for (let i = 0; i < 100; i++) assert.equal(reader.push(data, 0, data.length), data.length);
  assert.equal(reader.done, false);
});

test('errors carry the status of the side that was read', () => {
  const bytes = Buffer.from('x');
  for (const status of [400, 502] as const) {
    const pushed = new BodyReader({ kind: 'chunked' }, status).push(bytes, 0, 1);
    assert.ok(pushed instanceof WireError && pushed.status === status);
  }
});

test('small chunks of one push are handed on in one piece, large ones as they are, and none is late', () => {
  const parts: string[] = [];
  const large = 'L'.repeat(2000);
  const reader = new BodyReader({ kind: 'chunked' }, 502, (part) => parts.push(part.toString('latin1')));
  const push = (text: string) => reader.push(Buffer.from(text, 'latin1'), 0, text.length);
  push('1\r\na\r\n1\r\nb\r\n2\r\nc');
  assert.deepEqual(parts, ['abc']);
  push(`d\r\n1\r\ne\r\n7d0\r\n${large}\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n`);
  assert.deepEqual(parts.slice(1), ['de', large, 'f']);
  assert.equal(reader.trailers?.toString(), 'X: y\r\n\r\n');
  const broken = new BodyReader({ kind: 'chunked' }, 502, (part) => parts.push(part.toString('latin1')));
  const text = Buffer.from('1\r\ng\r\n1\r\nh\r\n1\r\nno end');
  assert.ok(broken.push(text, 0, text.length) instanceof WireError);
  assert.deepEqual(parts.slice(4), ['ghn'], 'what came before a fault');
});
