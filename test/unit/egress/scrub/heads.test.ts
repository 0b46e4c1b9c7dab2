import assert from 'node:assert/strict';
import { test } from 'node:test';
import { narrowAcceptEncoding } from '../../../../src/egress/scrub/accept-encoding.ts';
import {
  dropsResponseField,
  narrowRequestField,
  planBody,
  scrubField,
  scrubHead,
} from '../../../../src/egress/scrub/heads.ts';
import type { BodyFacts, BodyPlan } from '../../../../src/egress/scrub/heads.ts';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import type { Scrub } from '../../../../src/egress/scrub/scrub.ts';

const value = 'tok_live-9fQ2xyZ7';
const standIn = 'tok_standin-01234';

function scrubOf(stand: string, real = value): Scrub {
  const scrub = compileScrub([{ id: 'one', standIn: stand, value: Buffer.from(real) }]);
  assert.ok(scrub !== null);
  return scrub;
}

const same = scrubOf(standIn);
const longer = scrubOf(`${standIn}567`);
const facts: BodyFacts = { status: 200, hasContent: true, hasLength: true, contentEncoding: null };

function planned(scrub: Scrub, changes: Partial<BodyFacts> = {}): BodyPlan {
  const plan = planBody(scrub, { ...facts, ...changes });
  assert.ok(typeof plan !== 'string', 'not refused');
  return plan;
}

test('Accept-Encoding loses what cannot be scrubbed, and is the same text where there is nothing to lose', () => {
  for (const kept of [
    'gzip, deflate, br, zstd',
    'gzip,deflate',
    '',
    'identity',
    'gzip;q=1.0, identity; q=0.5, *;q=0',
    'br;q=0.9 ,  gzip',
    'x-gzip',
    'identity;q=0, gzip',
    'compress;q=0, gzip',
    ' GZIP',
  ]) {
    assert.equal(narrowAcceptEncoding(kept), kept);
  }
  for (const [from, to] of [
    ['gzip, deflate, br, zstd, dcb, dcz', 'gzip, deflate, br, zstd'],
    ['compress', 'identity'],
    ['compress, gzip;q=0.5', 'gzip;q=0.5'],
    ['dcb, identity;q=0, gzip', 'identity;q=0, gzip'],
    ['*', 'gzip, br, zstd, deflate, identity'],
    ['gzip, *;q=0.1', 'gzip, br;q=0.1, zstd;q=0.1, deflate;q=0.1, identity;q=0.1'],
    ['snappy, *;q=0', '*;q=0'],
    ['identity;q=0, *', 'identity;q=0, gzip, br, zstd, deflate'],
    ['compress;q=0.001', 'identity'],
  ] as const) {
    assert.equal(narrowAcceptEncoding(from), to, from);
  }
});

test('ranges, differences and WebSocket extensions are not asked for; other request fields stay as they are', () => {
  for (const name of ['range', 'if-range', 'a-im', 'sec-websocket-extensions']) {
    assert.equal(narrowRequestField(name, 'anything'), null);
  }
  assert.equal(narrowRequestField('accept-encoding', 'dcz, br'), 'br');
  for (const name of ['if-none-match', 'accept', 'authorization', 'content-range']) {
    assert.equal(narrowRequestField(name, 'W/"a", bytes=0-1'), 'W/"a", bytes=0-1');
  }
});

test('a body keeps its announced length where every stand-in is as long as its value, and else loses the announcement', () => {
  assert.deepEqual(planned(same), { codings: [], keepLength: true, dropsLength: false });
  assert.deepEqual(planned(longer), { codings: [], keepLength: false, dropsLength: true });
  assert.deepEqual(planned(longer, { hasLength: false }), { codings: [], keepLength: false, dropsLength: false });
  const coded = planned(same, { contentEncoding: 'gzip' });
  assert.equal(coded.codings.length, 1);
  assert.equal(coded.keepLength, false);
  assert.equal(coded.dropsLength, true);
});

test('an answer to HEAD says nothing of a length that a GET would not have', () => {
  const head = { hasContent: false };
  assert.equal(planned(same, head).dropsLength, false);
  assert.equal(planned(longer, head).dropsLength, true);
  assert.equal(planned(same, { ...head, contentEncoding: 'br' }).dropsLength, true);
  assert.equal(planned(same, { ...head, contentEncoding: 'unheard-of' }).dropsLength, true);
});

function refusedFor(changes: Partial<BodyFacts>): string {
  const plan = planBody(same, { ...facts, ...changes });
  return typeof plan === 'string' ? plan : 'not refused';
}

test('a body that cannot be searched, or is a part that was not asked for, is refused', () => {
  assert.match(refusedFor({ contentEncoding: 'compress' }), /coding/);
  assert.match(refusedFor({ contentEncoding: 'gzip, dcz' }), /coding/);
  assert.match(refusedFor({ status: 206 }), /part/);
  assert.match(refusedFor({ status: 226 }), /part/);
});

test('digests go where the bytes are other ones, an ETag stays', () => {
  const identity = planned(same);
  const coded = planned(same, { contentEncoding: 'gzip' });
  for (const name of ['content-md5', 'digest', 'content-digest', 'repr-digest']) {
    assert.equal(dropsResponseField(name, identity, false), false);
    assert.equal(dropsResponseField(name, identity, true), true);
    assert.equal(dropsResponseField(name, coded, false), true);
  }
  for (const plan of [identity, coded]) {
    assert.equal(dropsResponseField('etag', plan, true), false);
    assert.equal(dropsResponseField('content-type', plan, true), false);
    assert.equal(dropsResponseField('accept-ranges', plan, false), true);
  }
  assert.equal(dropsResponseField('content-length', identity, true), false);
  assert.equal(dropsResponseField('content-length', coded, false), true);
  assert.equal(dropsResponseField('content-length', planned(longer, { hasLength: false }), true), true);
});

test('a clean head is the same buffer', () => {
  const head = Buffer.from('HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\n');
  assert.equal(scrubHead(same, head), head);
});

test('the reason, names and values of a head are scrubbed in every encoding; version, status and framing are not', () => {
  const basic = Buffer.from(`user:${value}`).toString('base64');
  const head = [
    `HTTP/1.1 200 Hello ${value}`,
    `X-Echo: Bearer ${value}`,
    `Set-Cookie: a=${value}; b=${encodeURIComponent(`"${value}"`)}`,
    `X-Basic: Basic ${basic}`,
    `${value}: name`,
    'Content-Length: 12345678',
    'X-Number: 12345678',
    'X-\xe9: \xe9',
    '',
    '',
  ].join('\r\n');
  const scrub = compileScrub([
    { id: 'one', standIn, value: Buffer.from(value) },
    { id: 'two', standIn: 'NUMBERED', value: Buffer.from('12345678') },
    { id: 'three', standIn: 'X', value: Buffer.from('HTTP/1.1 200') },
  ]);
  assert.ok(scrub !== null);
  assert.equal(
    scrubHead(scrub, Buffer.from(head, 'latin1'))?.toString('latin1'),
    head
      .replaceAll(value, standIn)
      .replace(basic, Buffer.from(`user:${standIn}`).toString('base64'))
      .replace('X-Number: 12345678', 'X-Number: NUMBERED'),
  );
});

test('a field whose name would be no name any more goes', () => {
  const scrub = scrubOf('no token');
  assert.equal(scrubField(scrub, [value, 'x']), null);
  assert.equal(
    scrubHead(scrub, Buffer.from(`HTTP/1.1 204\r\n${value}: x\r\nA: b\r\n\r\n`))?.toString(),
    'HTTP/1.1 204\r\nA: b\r\n\r\n',
  );
});

test('trailers are scrubbed as a head is', () => {
  assert.equal(scrubHead(same, Buffer.from(`X-Check: ${value}\r\n\r\n`))?.toString(), `X-Check: ${standIn}\r\n\r\n`);
});

test('a clean field is the same array', () => {
  const field = ['x-a', 'b'] as const;
  assert.equal(scrubField(same, field), field);
  assert.deepEqual(scrubField(same, ['x-a', value]), ['x-a', standIn]);
});
