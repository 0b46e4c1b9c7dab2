import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureLimit } from '../../../src/api/failure-limit.ts';

function limit(overrides: { capacity?: number } = {}) {
  const clock = { now: 0 };
  return {
    clock,
    limit: new FailureLimit({ burst: 3, perSecond: 0.5, capacity: 100, now: () => clock.now, ...overrides }),
  };
}

function drain(bucket: FailureLimit, address: string): void {
  for (let i = 0; i < 3; i++) assert.equal(bucket.charge(address), 0);
  assert.ok(bucket.charge(address) > 0);
}

test('after the burst an address waits, and one more attempt is free when the time is over', () => {
  const { limit: bucket, clock } = limit();
  drain(bucket, '192.0.2.1');
  assert.equal(bucket.charge('192.0.2.1'), 2);
  clock.now = 1999;
  assert.ok(bucket.charge('192.0.2.1') > 0);
  clock.now = 2000;
  assert.equal(bucket.charge('192.0.2.1'), 0);
  assert.ok(bucket.charge('192.0.2.1') > 0);
});

test('a refund gives the attempt back, never more than the burst', () => {
  const { limit: bucket } = limit();
  for (let i = 0; i < 50; i++) {
    assert.equal(bucket.charge('192.0.2.1'), 0);
    bucket.refund('192.0.2.1');
  }
  bucket.refund('192.0.2.1');
  drain(bucket, '192.0.2.1');
});

test('addresses do not share a limit', () => {
  const { limit: bucket } = limit();
  drain(bucket, '192.0.2.1');
  assert.equal(bucket.charge('192.0.2.2'), 0);
});

test('the addresses of an IPv6 /64 are one source however they are written, those of another are not', () => {
  const { limit: bucket } = limit();
  drain(bucket, '2001:db8:0:1::1');
  assert.ok(bucket.charge('2001:db8:0:1:ffff:ffff:ffff:ffff') > 0);
  assert.ok(bucket.charge('2001:0DB8::1:0:0:0:7') > 0);
  assert.equal(bucket.charge('2001:db8:0:2::1'), 0);
});

test('an IPv4-mapped address is the IPv4 address', () => {
  const { limit: bucket } = limit();
  drain(bucket, '::ffff:192.0.2.1');
  assert.ok(bucket.charge('192.0.2.1') > 0);
  assert.equal(bucket.charge('::ffff:192.0.2.2'), 0);
});

test('the source heard of least recently is forgotten first, so memory is bounded', () => {
  const { limit: bucket } = limit({ capacity: 2 });
  drain(bucket, '192.0.2.1');
  drain(bucket, '192.0.2.2');
  assert.ok(bucket.charge('192.0.2.1') > 0);
  assert.equal(bucket.charge('192.0.2.3'), 0);
  assert.ok(bucket.charge('192.0.2.1') > 0);
  assert.equal(bucket.charge('192.0.2.2'), 0);
});

test('a clock that jumps back gives nothing away and breaks nothing', () => {
  const { limit: bucket, clock } = limit();
  clock.now = 1_000_000;
  drain(bucket, '192.0.2.1');
  clock.now = 0;
  assert.ok(bucket.charge('192.0.2.1') > 0);
});
