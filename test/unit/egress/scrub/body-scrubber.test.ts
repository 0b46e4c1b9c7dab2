import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { BodyScrubber } from '../../../../src/egress/scrub/body-scrubber.ts';
import { readCodings } from '../../../../src/egress/scrub/codings.ts';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import { scrubWhole } from '../../../../src/egress/scrub/whole-body.ts';

const value = 'sk-live_9fQ2/xy+Z7w=Kd41mmBv8RtT0pLZ';
const standIn = 'sk-standin0123456789ABCDEFGHIJKLMNOPQR';
const compiled = compileScrub([{ id: 'one', standIn, value: Buffer.from(value) }]);
assert.ok(compiled !== null);
const scrub = compiled;
const text = `{"key":"${value}","words":"${'lorem ipsum '.repeat(3000)}","again":"${value}"}`;
const clean = text.replaceAll(value, standIn);

type Code = (bytes: Buffer) => Buffer;
const coders: Record<string, { encode: Code; decode: Code }> = {
  gzip: { encode: (bytes) => zlib.gzipSync(bytes), decode: (bytes) => zlib.gunzipSync(bytes) },
  'x-gzip': { encode: (bytes) => zlib.gzipSync(bytes), decode: (bytes) => zlib.gunzipSync(bytes) },
  deflate: { encode: (bytes) => zlib.deflateSync(bytes), decode: (bytes) => zlib.inflateSync(bytes) },
  br: { encode: (bytes) => zlib.brotliCompressSync(bytes), decode: (bytes) => zlib.brotliDecompressSync(bytes) },
  zstd: { encode: (bytes) => zlib.zstdCompressSync(bytes), decode: (bytes) => zlib.zstdDecompressSync(bytes) },
};
const stacks = ['identity', 'gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'gzip, br', 'br,gzip', 'zstd, deflate', 'Gzip'];

function encode(coding: string, bytes: Buffer): Buffer {
  return namesOf(coding).reduce((coded, name) => coders[name]?.encode(coded) ?? coded, bytes);
}

function decode(coding: string, bytes: Buffer): Buffer {
  return namesOf(coding)
    .toReversed()
    .reduce((coded, name) => coders[name]?.decode(coded) ?? coded, bytes);
}

function namesOf(coding: string): string[] {
  return coding.split(',').map((name) => name.trim().toLowerCase());
}

function codingsOf(coding: string) {
  const codings = readCodings(coding);
  assert.ok(codings !== 'unreadable');
  return codings;
}

interface Outcome {
  bytes: Buffer;
  error: string | null;
}

/** What comes of `chunks`; each is overwritten after its call. `gap`: the first comes alone, so that steps are taken. */
async function through(coding: string, chunks: Iterable<Buffer>, gap = true): Promise<Outcome> {
  const out: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const scrubber = new BodyScrubber(scrub.stream(), codingsOf(coding), {
    onData: (bytes) => {
      out.push(Buffer.from(bytes));
      return true;
    },
    onDrain: () => {},
    onEnd: () => resolve({ bytes: Buffer.concat(out), error: null }),
    onError: (error) => resolve({ bytes: Buffer.concat(out), error }),
  });
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk);
    scrubber.push(lent);
    lent.fill(0);
    if (gap) await new Promise((go) => setImmediate(go));
    gap = false;
  }
  scrubber.end();
  return promise;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

for (const coding of stacks) {
  test(`a body in ${coding} is scrubbed and comes in ${coding} again, in chunks of any size`, async () => {
    const body = encode(coding, Buffer.from(text));
    for (const size of [1, 7, 100, 65_536]) {
      for (const gap of [true, false]) {
        const { bytes, error } = await through(coding, pieces(body, size), gap);
        assert.equal(error, null);
        assert.equal(decode(coding, bytes).toString(), clean);
      }
    }
  });

  test(`an empty body said to be ${coding} stays empty`, async () => {
    assert.deepEqual(await through(coding, []), { bytes: Buffer.alloc(0), error: null });
  });

  test(`a whole body in ${coding} is scrubbed within the call, and is the same buffer where it is clean`, () => {
    const most = 1024 * 1024;
    const dirty = scrubWhole(scrub, encode(coding, Buffer.from(text)), { codings: codingsOf(coding), most });
    assert.ok(typeof dirty !== 'string');
    assert.equal(decode(coding, dirty.bytes).toString(), clean);
    assert.equal(dirty.replaced, 2);
    assert.deepEqual([...dirty.replacedIds], ['one']);
    const body = encode(coding, Buffer.from(clean));
    const whole = scrubWhole(scrub, body, { codings: codingsOf(coding), most });
    assert.ok(typeof whole !== 'string');
    assert.equal(whole.bytes, body);
  });
}

for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, br']) {
  const body = encode(coding, Buffer.from(text));

  test(`a body in ${coding} that is cut, damaged or followed by something ends in an error, with nothing unscrubbed`, async () => {
    const bad: Record<string, Buffer> = {
      cut: body.subarray(0, -3),
      'cut early': body.subarray(0, 5),
      'followed by text': Buffer.concat([body, Buffer.from(value)]),
      'followed by zeros': Buffer.concat([body, Buffer.alloc(8)]),
      'not encoded at all': Buffer.from(text),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      for (const [size, gap] of [
        [1, true],
        [50, true],
        [65_536, true],
        [65_536, false],
      ] as const) {
        const outcome = await through(coding, pieces(bytes, size), gap);
        assert.match(outcome.error ?? 'none', /cannot be undone/, `${name}, ${size}`);
        assert.ok(!outcome.error?.includes(value));
        assert.ok(!outcome.bytes.includes(value));
      }
      const whole = scrubWhole(scrub, bytes, { codings: codingsOf(coding), most: 1024 * 1024 });
      assert.equal(whole, 'unreadable', name);
    }
  });

  test(`each event of a stream in ${coding} can be read as soon as it came`, async () => {
    const names = namesOf(coding);
    const encoders = names.map(streamEncoder);
    const decoders = names.toReversed().map(streamDecoder);
    const seen: string[] = [];
    let waiting: (() => void) | null = null;
    const last = decoders.at(-1);
    const [inner, outer] = [encoders[0], encoders.at(-1)];
    assert.ok(last !== undefined && inner !== undefined && outer !== undefined);
    if (inner !== outer) inner.on('data', (bytes: Buffer) => outer.write(bytes));
    decoders.slice(0, -1).forEach((decoder) => decoder.on('data', (bytes: Buffer) => last.write(bytes)));
    last.on('data', (bytes: Buffer) => {
      seen.push(bytes.toString());
      waiting?.();
    });
    const scrubber = new BodyScrubber(scrub.stream(), codingsOf(coding), {
      onData: (bytes) => decoders[0]?.write(Buffer.from(bytes)) ?? true,
      onDrain: () => {},
      onEnd: () => {},
      onError: (reason) => assert.fail(reason),
    });
    outer.on('data', (bytes: Buffer) => scrubber.push(bytes));
    for (let event = 0; event < 5; event++) {
      const arrived = new Promise<void>((resolve) => (waiting = resolve));
      inner.write(`data: ${event} ${value}\n\n`);
      await new Promise<void>((resolve) => inner.flush(resolve));
      if (inner !== outer) outer.flush();
      await arrived;
      assert.equal(seen.join(''), Array.from({ length: event + 1 }, (_, i) => `data: ${i} ${standIn}\n\n`).join(''));
    }
    scrubber.destroy();
    for (const stream of [...encoders, ...decoders]) stream.destroy();
  });
}

test('a small body that came whole goes on within the call, as the bytes that it was where it is clean', () => {
  for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, br']) {
    for (const content of [text, clean]) {
      const body = encode(coding, Buffer.from(content));
      const given: Buffer[] = [];
      let ended = false;
      const scrubber = new BodyScrubber(scrub.stream(), codingsOf(coding), {
        onData: (bytes) => given.push(Buffer.from(bytes)) > 0,
        onDrain: () => {},
        onEnd: () => (ended = true),
        onError: (reason) => assert.fail(reason),
      });
      scrubber.push(body.subarray(0, 20));
      scrubber.push(body.subarray(20));
      scrubber.end();
      assert.equal(ended, true);
      const out = Buffer.concat(given);
      assert.equal(decode(coding, out).toString(), clean);
      if (content === clean) assert.deepEqual(out, body);
    }
  }
});

test('a small body that expands to much is not decoded within the call', async () => {
  const content = Buffer.alloc(2_000_000, 'a');
  const { promise, resolve } = Promise.withResolvers<void>();
  let ended = false;
  const scrubber = new BodyScrubber(scrub.stream(), codingsOf('gzip'), {
    onData: () => true,
    onDrain: () => {},
    onEnd: () => {
      ended = true;
      resolve();
    },
    onError: (reason) => assert.fail(reason),
  });
  scrubber.push(zlib.gzipSync(content));
  scrubber.end();
  assert.equal(ended, false);
  await promise;
});

test('gzip of several members, split anywhere, is one body', async () => {
  const half = 7 + 20;
  const body = Buffer.concat([zlib.gzipSync(text.slice(0, half)), zlib.gzipSync(''), zlib.gzipSync(text.slice(half))]);
  for (let cut = 0; cut < 80; cut++) {
    const { bytes, error } = await through('gzip', [body.subarray(0, cut), body.subarray(cut)]);
    assert.equal(error, null);
    assert.equal(zlib.gunzipSync(bytes).toString(), clean);
  }
});

test('deflate without its zlib wrapper is read, as some servers send it', async () => {
  const { bytes, error } = await through('deflate', pieces(zlib.deflateRawSync(text), 9));
  assert.equal(error, null);
  assert.equal(zlib.inflateSync(bytes).toString(), clean);
});

test('what expands a thousandfold goes through at flat memory, and waits for a reader that does not read', async () => {
  const count = 40;
  const zeros = zlib.gzipSync(Buffer.alloc(10_000_000));
  let out = 0;
  let paused = 0;
  let peak = 0;
  const base = process.memoryUsage().rss;
  const drained: (() => void)[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const scrubber = new BodyScrubber(scrub.stream(), codingsOf('gzip'), {
    onData: (bytes) => {
      out += bytes.length;
      if (out % 5 !== 0) return true;
      paused++;
      setImmediate(() => scrubber.resume());
      return false;
    },
    onDrain: () => drained.pop()?.(),
    onEnd: () => resolve(),
    onError: (reason) => assert.fail(reason),
  });
  for (let i = 0; i < count; i++) {
    if (!scrubber.push(zeros)) await new Promise<void>((go) => drained.push(go));
    peak = Math.max(peak, process.memoryUsage().rss - base);
  }
  scrubber.end();
  await promise;
  assert.ok(out > 0 && paused > 0);
  assert.ok(peak < 64 * 1024 * 1024, `${Math.round(peak / 1024 / 1024)} MB`);
});

test('a reader that waits holds everything up, and the queue says so', async () => {
  const body = zlib.gzipSync(randomBytes(4 * 1024 * 1024));
  const calls: number[] = [];
  const scrubber = new BodyScrubber(scrub.stream(), codingsOf('gzip'), {
    onData: (bytes) => calls.push(bytes.length) < 0,
    onDrain: () => {},
    onEnd: () => {},
    onError: (reason) => assert.fail(reason),
  });
  let taken = 0;
  for (const piece of pieces(body, 16_384)) {
    taken += piece.length;
    if (!scrubber.push(piece)) break;
  }
  while (calls.length < 1) await turn();
  for (let i = 0; i < 200; i++) await turn();
  assert.ok(taken < 256 * 1024, `${taken} taken`);
  // Told to wait, it hands over nothing more before it is told to go on.
  assert.equal(calls.length, 1);
  scrubber.resume();
  while (calls.length < 2) await turn();
  for (let i = 0; i < 200; i++) await turn();
  assert.equal(calls.length, 2);
  scrubber.destroy();
});

test('after destroy nothing more is handed over', async () => {
  const events: string[] = [];
  const scrubber = new BodyScrubber(scrub.stream(), codingsOf('br'), {
    onData: () => events.push('data') > 0,
    onDrain: () => events.push('drain'),
    onEnd: () => events.push('end'),
    onError: () => events.push('error'),
  });
  scrubber.push(zlib.brotliCompressSync(text));
  scrubber.destroy();
  scrubber.end();
  scrubber.resume();
  for (let i = 0; i < 200; i++) await turn();
  assert.deepEqual(events, []);
});

test('without a coding the clean chunk itself goes through, within the call', () => {
  const given: Buffer[] = [];
  const scrubber = new BodyScrubber(scrub.stream(), [], {
    onData: (bytes) => given.push(bytes) === 1,
    onDrain: () => {},
    onEnd: () => given.push(Buffer.from('end')),
    onError: (reason) => assert.fail(reason),
  });
  const [first, second] = [Buffer.from('data: one\n\n'), Buffer.from('data: two\n\n')];
  assert.equal(scrubber.push(first), true);
  assert.equal(scrubber.push(second), false);
  assert.equal(given[0], first);
  assert.equal(given[1], second);
  scrubber.end();
  assert.equal(given[2]?.toString(), 'end');
});

test('zstd with a window over the 8 MB of RFC 9659 is an error, whatever memory would hold', async () => {
  const params = { [zlib.constants.ZSTD_c_windowLog]: 26 };
  const body = zlib.zstdCompressSync(Buffer.alloc(40_000_000), { params });
  assert.match((await through('zstd', [body])).error ?? 'none', /cannot be undone/);
  assert.equal(scrubWhole(scrub, body, { codings: codingsOf('zstd'), most: 100_000_000 }), 'unreadable');
});

test('a whole body that expands beyond its limit is not decoded to its end', () => {
  const body = zlib.gzipSync(Buffer.alloc(10_000_000));
  assert.equal(scrubWhole(scrub, body, { codings: codingsOf('gzip'), most: 65_536 }), 'too large');
});

test('codings that are not known, or too many, are unreadable', () => {
  for (const coding of ['compress', 'dcb', 'gzip, snappy', 'gzip, gzip, gzip', 'gzip;q=1', 'aes128gcm']) {
    assert.equal(readCodings(coding), 'unreadable', coding);
  }
  for (const coding of [null, '', 'identity', 'Identity, ']) assert.deepEqual(readCodings(coding), []);
});

function streamEncoder(name: string): zlib.Gzip {
  if (name === 'gzip') return zlib.createGzip();
  if (name === 'deflate') return zlib.createDeflate();
  return name === 'br' ? zlib.createBrotliCompress() : zlib.createZstdCompress();
}

function streamDecoder(name: string): zlib.Gunzip {
  if (name === 'gzip') return zlib.createGunzip();
  if (name === 'deflate') return zlib.createInflate();
  return name === 'br' ? zlib.createBrotliDecompress() : zlib.createZstdDecompress();
}
