import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FailureThrottle } from '../../../src/egress/context.ts';
import type { EgressContext } from '../../../src/egress/context.ts';
import { authenticate } from '../../../src/egress/identify.ts';
import { workerParts } from './worker-parts.ts';
import type { PlayedControl } from './worker-parts.ts';

const id = randomUUID();
const sha256 = (text: string) => createHash('sha256').update(text).digest();

function parts(token: string): { context: EgressContext; control: PlayedControl } {
  const made = workerParts();
  const network = { allowOut: [], denyOut: [] };
  const proxyTokenHash = sha256(token).toString('hex');
  made.control.sandboxes.set(id, { id, teamId: 'team', proxyTokenHash, network, bindings: [] });
  return made;
}

/** What a claim comes to: a code, or `in`. */
function claim(
  context: EgressContext,
  token: string,
  more: { id?: string; remoteAddress?: string } = {},
): Promise<string> {
  const place = () => ({ host: 'api.example.com', port: 443 });
  return new Promise((resolve) =>
    authenticate(context, { id, remoteAddress: '192.0.2.1', ...more, token, place }, (found) =>
      resolve('code' in found ? found.code : 'in'),
    ),
  );
}

test('many guesses that wait for the same rules are judged no faster than one after the other', async () => {
  const { context, control } = parts('right');
  control.answers = 'never';
  const guesses = Array.from({ length: 50 }, (_, index) => claim(context, `guess-${index}`));
  const right = claim(context, 'right');
  await turn();
  control.answer();
  const codes = await Promise.all(guesses);
  assert.equal(codes.filter((code) => code === 'proxy_auth_required').length, 10);
  assert.equal(codes.filter((code) => code === 'rate_limited').length, 40);
  assert.equal(await right, 'rate_limited');
  assert.equal(control.asked, 1);
});

test('what was right before is excused for its own address and sandbox only', async () => {
  const { context } = parts('right');
  assert.equal(await claim(context, 'right'), 'in');
  for (const remoteAddress of ['192.0.2.1', '192.0.2.2']) {
    for (let guess = 0; guess < 10; guess++) await claim(context, `guess-${guess}`, { remoteAddress });
  }
  assert.equal(await claim(context, 'right'), 'in');
  assert.equal(await claim(context, 'right', { remoteAddress: '192.0.2.2' }), 'rate_limited');
  assert.equal(await claim(context, 'wrong'), 'rate_limited');
});

test('an excuse is no way in: a token that is right no more is judged and fails', async () => {
  const { context, control } = parts('right');
  assert.equal(await claim(context, 'right'), 'in');
  const known = control.sandboxes.get(id);
  assert.ok(known);
  control.sandboxes.set(id, { ...known, proxyTokenHash: sha256('another').toString('hex') });
  context.registry.forget([id]);
  assert.equal(await claim(context, 'right'), 'proxy_auth_required');
});

test('wrong claims leave two rows in a window, and those of nobody none', async () => {
  const { context, control } = parts('right');
  for (let guess = 0; guess < 30; guess++) await claim(context, `guess-${guess}`);
  for (const stranger of [randomUUID(), 'no uuid']) await claim(context, 'guess', { id: stranger });
  const rows = control.recorded.map(({ sandboxId, connection }) => [sandboxId, connection?.matchRule]);
  assert.deepEqual(rows, [
    [id, 'proxy_auth_required'],
    [id, 'rate_limited'],
  ]);
});

test('windows and proofs are bounded, and the oldest go first', () => {
  const throttle = new FailureThrottle({ limit: 1, windowMs: 1000, maxKeys: 3 });
  for (const key of ['a', 'b', 'c', 'd']) {
    throttle.fail(key, 0);
    throttle.prove(key, sha256(key));
  }
  assert.deepEqual(
    ['a', 'b', 'd'].map((key) => [throttle.blocked(key, 1), throttle.isProven(key, sha256(key))]),
    [
      [false, false],
      [true, true],
      [true, true],
    ],
  );
  assert.equal(throttle.blocked('d', 1001), false);
  assert.equal(throttle.isProven('d', sha256('c')), false);
});
