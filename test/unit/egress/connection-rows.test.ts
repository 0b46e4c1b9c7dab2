import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordOf } from '../../../src/egress/connection-rows.ts';
import { ControlLink } from '../../../src/egress/control-link.ts';
import type { FromWorker } from '../../../src/egress/ipc.ts';
import { workerParts } from './worker-parts.ts';

const row = { host: 'api.example.com', dstIp: null, dstPort: 443, verdict: 'failed', matchRule: 'no request' } as const;

function parts() {
  const made = workerParts();
  const sandbox = {
    id: 'box',
    teamId: 'team',
    proxyTokenHash: '',
    network: { allowOut: [], denyOut: [] },
    bindings: [],
  };
  made.control.sandboxes.set('box', sandbox);
  return made;
}

test('a row of a sandbox that was heard of is put down without asking, though its rules are forgotten and it is gone', async () => {
  const { context, control } = parts();
  await context.registry.load('box');
  context.registry.forget(null);
  control.sandboxes.clear();
  control.answers = 'fails';
  recordOf(context, 'box', row);
  assert.deepEqual(
    control.recorded.map(({ sandboxId, teamId, host }) => [sandboxId, teamId, host]),
    [['box', 'team', 'api.example.com']],
  );
  assert.equal(control.asked, 1);
});

test('a row of one that was not is put down when the control plane has said whose it is', async () => {
  const { context, control } = parts();
  recordOf(context, 'box', row);
  await context.registry.load('box');
  assert.deepEqual(
    control.recorded.map(({ teamId }) => teamId),
    ['team'],
  );
});

for (const [why, answers] of [
  ['there is no such sandbox', 'at once'],
  ['the control plane does not answer', 'fails'],
] as const) {
  test(`a row that cannot be put down since ${why} is told to the control plane, with its time and once`, async () => {
    const told: FromWorker[] = [];
    const link = new ControlLink((message) => told.push(message));
    const { context, control } = parts();
    control.answers = answers;
    const lost: number[] = [];
    control.countLost = (at) => {
      lost.push(at);
      link.countLost(at);
    };
    const before = Date.now();
    recordOf(context, 'nobody', row);
    recordOf(context, 'nobody', row);
    await context.registry.load('nobody').catch(() => null);
    assert.equal(lost.length, 2);
    assert.deepEqual(control.recorded, []);
    link.tellLost();
    link.tellLost();
    assert.equal(told.length, 1);
    const [message] = told;
    assert.ok(message?.type === 'lost' && message.count === 2);
    assert.ok(message.since >= before && message.since <= Date.now());
  });
}
