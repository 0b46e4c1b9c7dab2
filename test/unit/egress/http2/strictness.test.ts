import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { statusField } from '../../../../src/egress/wire/http2/outgoing-fields.ts';
import { frameFlag, frameType } from '../../../../src/egress/wire/http2/protocol.ts';
import { block, frame, get, headers, post, Recorder, resets, server } from './frames.ts';
import type { Pairs, Sent } from './frames.ts';
import { nodeServer, nodeVerdict } from './node-verdict.ts';

/**
 * Beside Node's HTTP/2 (nghttp2): what that refuses is refused here too. Where it is the other way round, we are stricter, as a
 * proxy must be whose next hop may read a message otherwise.
 */
const node = nodeServer();
const ping = frame(frameType.ping, 0, { payload: Buffer.alloc(8) });

function ourVerdict(bytes: Buffer): { taken: boolean; sent: Sent[] } {
  const recorder = server();
  recorder.onRequest = (stream) => recorder.connection.respond(stream, [statusField(200)], true);
  const sent = recorder.take(bytes, ping);
  return { taken: recorder.streams.size > 0, sent };
}

const seldom = <T>(usual: T, ...odd: (T | null)[]) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant<T | null>(usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
const latin1 = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 3 });
const name = fc.oneof(
  fc.constantFrom(
    'accept',
    'cookie',
    'host',
    'content-length',
    'te',
    'connection',
    'transfer-encoding',
    'upgrade',
    'A',
    '',
    ':path',
    ':x',
    ':',
    'keep-alive',
    'proxy-connection',
    'a b',
    'a:b',
    'expect',
  ),
  fc.stringMatching(/^[a-z-]{1,5}$/),
  latin1,
);
const value = fc.oneof(
  fc.constantFrom(
    'a.example',
    'b',
    '0',
    '1',
    'trailers',
    '',
    ' a',
    'a ',
    'a\tb',
    '\ta',
    'a\0',
    'a\r\nb',
    '\x7f',
    '1, 1',
    '+1',
  ),
  latin1,
);
const request = fc
  .record({
    ':method': seldom('GET', 'POST', 'CONNECT', 'TRACE', '', 'A B', '\xe9', null),
    ':scheme': seldom('https', 'http', 'ftp', '', null),
    ':authority': seldom('a.example', '', 'u@a', 'a b', '\xe9', null),
    ':path': seldom('/', '*', '', 'a', '/ x', '/#', '/\xe9', '/\x7f', null),
    ':protocol': seldom<string>('none', 'websocket', '', 'x y'),
    fields: fc.array(fc.tuple(name, value), { maxLength: 2 }),
  })
  .map(({ fields, ...pseudo }): Pairs => {
    const pairs: (readonly [string, string])[] = [];
    for (const [key, text] of Object.entries(pseudo)) if (text !== null && text !== 'none') pairs.push([key, text]);
    pairs.push(...fields);
    return pairs;
  });

test('a request that nghttp2 refuses is refused', async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(request, async (pairs) => {
      const bytes = headers(1, pairs);
      const ours = ourVerdict(bytes).taken;
      if (ours) taken++;
      const theirs = await nodeVerdict(node, bytes);
      assert.ok(!ours || theirs.taken.includes(1));
    }),
    { numRuns: 1500 },
  );
  assert.ok(taken > 150, `${taken} were taken`);
});

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(
    block(get),
    block(post),
    block([['a', 'b']]),
    Buffer.from([0, 0, 0, 1]),
    Buffer.from([0, 0, 0, 0, 5]),
    Buffer.alloc(8),
    Buffer.from([0, 4, 0, 0, 0, 9]),
    Buffer.alloc(0),
  ),
);
const anyFrame = fc
  .record({
    type: fc.nat(10),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 0x0d, 0x20, 0x25, 0x2d),
    id: fc.constantFrom(0, 1, 1, 2, 3, 5),
    payload,
  })
  // A GOAWAY of a client is about streams that a server pushed. We push none, so that its number, which nghttp2 judges, has no
  // meaning for us; and its code ends no connection whose streams may still be answered (RFC 9113 section 6.8).
  // An answer to a PING that nobody sent is for Node's own book-keeping an error; here it costs, as every PING does.
  .filter(({ type, flags }) => type !== frameType.goaway && (type !== frameType.ping || (flags & frameFlag.ack) === 0))
  .map(({ type, flags, ...rest }) => frame(type, flags, rest));
const begun = fc.constantFrom(
  Buffer.alloc(0),
  headers(1, get),
  headers(1, post, 4),
  Buffer.concat([headers(1, get), headers(3, post, 4)]),
);

test('frames that end the connection for nghttp2 end it here', async () => {
  let faults = 0;
  await fc.assert(
    fc.asyncProperty(begun, fc.array(anyFrame, { minLength: 1, maxLength: 4 }), async (start, frames) => {
      const bytes = Buffer.concat([start, ...frames]);
      const { sent } = ourVerdict(bytes);
      const theirs = await nodeVerdict(node, bytes);
      if (theirs.fault === null) return;
      faults++;
      // RFC 9113 5.1 has DATA after the end of a stream reset that stream, and what comes after it was reset, as for a
      // malformed request, ignored; nghttp2 ends the connection.
      const resetOnly = theirs.fault === 'streamClosed' && resets(sent).length > 0;
      assert.ok(resetOnly || Recorder.fault(sent) !== undefined, `${theirs.fault}: ${bytes.toString('hex')}`);
    }),
    { numRuns: 1500 },
  );
  assert.ok(faults > 300, `${faults} ended it`);
});
