import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coreFingerprint, findCores, makeCore } from '../../../src/stand-in.ts';
import type { ObservedEvent } from '../../../src/audit-rows.ts';
import { auditBatch } from '../../../src/egress/audit-queue.ts';
import type { VaultSystem } from '../../../src/vault/types.ts';
import { createSandbox, otherTeam, refusal, startVault, storeSecret } from './harness.ts';
import type { Harness } from './harness.ts';

type Request = NonNullable<ObservedEvent['request']>;

interface Scene extends Harness {
  sandboxId: string;
  secretId: string;
  otherId: string;
  fingerprint: string;
  seen: (request?: Partial<Request>, change?: Partial<ObservedEvent>) => ObservedEvent;
}

async function scene(t: Parameters<typeof startVault>[0]): Promise<Scene> {
  const harness = await startVault(t);
  await storeSecret(harness, 'KEY');
  await storeSecret(harness, 'OTHER');
  const { sandbox, egress } = await createSandbox(harness, { secrets: { KEY: 'KEY', OTHER: 'OTHER' } });
  const idOf = async (name: string) => (await harness.vault.secrets.get(harness.owner, name)).id;
  const core = findCores(egress.env['KEY'] ?? '')[0]?.core ?? '';
  return {
    ...harness,
    sandboxId: sandbox.id,
    secretId: await idOf('KEY'),
    otherId: await idOf('OTHER'),
    fingerprint: coreFingerprint(core),
    seen: (request = {}, change = {}) => ({
      kind: 'request',
      ts: Date.UTC(2026, 0, 3),
      sandboxId: sandbox.id,
      teamId: harness.owner.teamId,
      host: 'api.example.com',
      request: {
        method: 'POST',
        path: '/v1/messages',
        status: 200,
        upstreamStatus: 200,
        latencyMs: 12.4,
        errorCode: null,
        secretIds: [],
        foreign: [],
        ...request,
      },
      ...change,
    }),
  };
}

/** As the proxy hands them over. */
async function record({ egress }: VaultSystem, events: ObservedEvent[]): Promise<void> {
  await egress.record([auditBatch(events)]);
}

const page = { limit: 50 };

function at(fingerprint: string, slot = 'header x'): Request['foreign'][number] {
  return { fingerprint, slot };
}

describe('what the proxy did', () => {
  it('is kept with a row for each secret, and moves last_used_at', async (t) => {
    const { vault, owner, sandboxId, secretId, otherId, seen } = await scene(t);
    await record(vault, [seen({ secretIds: [secretId, otherId] })]);
    const [event, ...more] = await vault.secrets.audit(owner, 'KEY', page);
    assert.deepEqual(more, []);
    assert.deepEqual(event, {
      id: event?.id,
      ts: new Date('2026-01-03T00:00:00Z'),
      sandboxId,
      sandboxName: 'box',
      secretId,
      method: 'POST',
      host: 'api.example.com',
      path: '/v1/messages',
      status: 200,
      upstreamStatus: 200,
      latencyMs: 12,
      errorCode: null,
      tripwire: null,
    });
    assert.deepEqual(
      (await vault.secrets.audit(owner, 'OTHER', page)).map((each) => each.secretId),
      [otherId],
    );
    assert.deepEqual((await vault.secrets.get(owner, 'KEY')).lastUsedAt, new Date('2026-01-03T00:00:00Z'));
  });

  it('without a secret is kept once, for the sandbox', async (t) => {
    const { vault, store, sandboxId, owner, seen } = await scene(t);
    const connection = {
      dstIp: '203.0.113.7',
      dstPort: 443,
      verdict: 'blocked',
      matchRule: '0.0.0.0/0',
      bytesSent: 1,
      bytesRecv: 2,
    } as const;
    const { request: _, ...bare } = seen();
    await record(vault, [seen(), { ...bare, kind: 'connection', connection }]);
    const rows = await store.events.bySandbox(sandboxId, page);
    assert.deepEqual(
      rows.map(({ kind, secretId, verdict, dstPort }) => [kind, secretId, verdict, dstPort]),
      [
        ['connection', null, 'blocked', 443],
        ['request', null, null, null],
      ],
    );
    assert.deepEqual(await vault.secrets.audit(owner, 'KEY', page), []);
  });

  it('that was refused is no use of the secret', async (t) => {
    const { vault, owner, secretId, seen } = await scene(t);
    const refused = { status: 403, upstreamStatus: null, errorCode: 'credential_host_mismatch', secretIds: [secretId] };
    await record(vault, [seen(refused)]);
    assert.equal((await vault.secrets.audit(owner, 'KEY', page))[0]?.errorCode, 'credential_host_mismatch');
    assert.equal((await vault.secrets.get(owner, 'KEY')).lastUsedAt, null);
    await record(vault, [
      seen({ status: 502, upstreamStatus: 200, errorCode: 'upstream_failed', secretIds: [secretId] }),
    ]);
    assert.notEqual((await vault.secrets.get(owner, 'KEY')).lastUsedAt, null);
  });

  it('with a stand-in of another sandbox of the team is shown at that secret', async (t) => {
    const { vault, owner, fingerprint, secretId, seen } = await scene(t);
    const unknown = coreFingerprint(makeCore('text'));
    const refused = {
      status: 403,
      upstreamStatus: null,
      errorCode: 'credential_not_bound',
      foreign: [at(unknown), at(fingerprint)],
    };
    await record(vault, [seen(refused)]);
    const events = await vault.secrets.audit(owner, 'KEY', page);
    assert.deepEqual(
      events.map((each) => [each.secretId, each.errorCode]),
      [[secretId, 'credential_not_bound']],
    );
  });

  it('with a stand-in of another team shows that team no request of it, and this one not whose it was', async (t) => {
    const all = await scene(t);
    const stranger = await otherTeam(all);
    const made = await all.vault.sandboxes.create(stranger, { name: 'theirs' });
    const foreign = {
      status: 403,
      upstreamStatus: null,
      errorCode: 'credential_not_bound',
      foreign: [at(all.fingerprint)],
    };
    await record(all.vault, [all.seen(foreign, { teamId: stranger.teamId, sandboxId: made.sandbox.id })]);
    assert.deepEqual(await all.vault.secrets.audit(all.owner, 'KEY', page), []);
    const rows = await all.store.events.bySandbox(made.sandbox.id, page);
    assert.deepEqual(
      rows.map(({ kind, secretId }) => [kind, secretId]),
      [
        ['tripwire', null],
        ['request', null],
      ],
    );
  });

  it('is kept without a query, within bounds, whatever the sandbox sent', async (t) => {
    const { vault, owner, secretId, seen } = await scene(t);
    const path = `/a\0b\ud800${'x'.repeat(5000)}?key=hidden`;
    await record(vault, [seen({ path, secretIds: [secretId] }), seen({ path: '/?key=hidden', secretIds: [secretId] })]);
    const [short, long] = await vault.secrets.audit(owner, 'KEY', page);
    assert.equal(short?.path, '/');
    assert.equal(long?.path?.length, 2048);
    assert.ok(long?.path?.startsWith('/a\ufffdb\ufffdxxx'));
  });

  it('stays after the sandbox is deleted, whose name is then gone', async (t) => {
    const { vault, owner, sandboxId, secretId, seen } = await scene(t);
    await record(vault, [seen({ secretIds: [secretId] })]);
    await vault.sandboxes.remove(owner, sandboxId);
    const [event] = await vault.secrets.audit(owner, 'KEY', page);
    assert.equal(event?.sandboxId, sandboxId);
    assert.equal(event?.sandboxName, null);
  });
});

describe('what could not be kept', () => {
  it("is counted where the trail is verified, and is no sandbox's", async (t) => {
    const { vault, store, owner, sandboxId, clock, seen } = await scene(t);
    await record(vault, [seen()]);
    const [from, to] = [new Date(clock.now.getTime() - 60), new Date(clock.now.getTime() - 10)];
    await vault.egress.recordGap({ from, to, lost: null });
    await vault.egress.recordGap({ from, to, lost: 3 });
    const { gaps, events, broken } = await vault.audit.verify(owner);
    assert.deepEqual({ events, broken }, { events: 3, broken: null });
    assert.deepEqual(gaps, {
      count: 2,
      newest: [
        { id: 2, ts: clock.now, from, to, lost: null },
        { id: 3, ts: clock.now, from, to, lost: 3 },
      ],
    });
    assert.equal((await vault.secrets.audit(owner, 'KEY', page)).length, 0);
    assert.equal((await store.events.bySandbox(sandboxId, page)).length, 1);
  });

  it('names the newest hundred, and counts all', async (t) => {
    const { vault, owner, clock } = await scene(t);
    for (let times = 0; times < 103; times++) {
      await vault.egress.recordGap({ from: clock.now, to: clock.now, lost: times });
    }
    const { gaps } = await vault.audit.verify(owner);
    assert.equal(gaps.count, 103);
    assert.deepEqual(
      gaps.newest.map(({ lost }) => lost),
      Array.from({ length: 100 }, (_, index) => index + 3),
    );
  });
});

describe('verifying the trail', () => {
  it('takes an operator key', async (t) => {
    const { vault, owner } = await scene(t);
    await assert.rejects(vault.audit.verify({ ...owner, operator: false }), refusal('forbidden'));
  });

  it('finds what batches of many sandboxes became, with each secret numbered in its own segment', async (t) => {
    const { vault, store, owner, secretId, otherId, seen } = await scene(t);
    const box = (n: number) => ({ sandboxId: `box-${n % 3}` });
    const events = Array.from({ length: 30 }, (_, n) =>
      seen({ path: `/${n}`, secretIds: n % 2 === 0 ? [secretId] : [otherId, secretId] }, box(n)),
    );
    await record(vault, events);
    for (const n of [0, 1, 2]) {
      const rows = await store.events.bySandbox(`box-${n}`, page);
      const wanted = events.filter((each) => each.sandboxId === `box-${n}`);
      assert.deepEqual(
        rows.map(({ path, secretId: id }) => [path, id]),
        wanted.flatMap(({ request }) => request?.secretIds.map((id) => [request.path, id])).toReversed(),
      );
    }
    assert.equal((await vault.audit.verify(owner)).broken, null);
  });
});

describe('the audit of a secret', () => {
  it('is filtered by status, where errors are statuses of 400 and above and refusals by the proxy', async (t) => {
    const { vault, owner, secretId, seen } = await scene(t);
    const rows: [status: number, upstream: number | null, code: string | null][] = [
      [200, 200, null],
      [204, 204, null],
      [301, 301, null],
      [404, 404, null],
      [403, null, 'credential_host_mismatch'],
      [500, 500, null],
      [200, 200, 'response_cut'],
    ];
    const events = rows.map(([status, upstreamStatus, errorCode]) =>
      seen({ status, upstreamStatus, errorCode, secretIds: [secretId] }),
    );
    await record(vault, events);
    const statuses = async (status?: '2xx' | '3xx' | '4xx' | '5xx' | 'errors') =>
      (await vault.secrets.audit(owner, 'KEY', { ...page, status })).map((each) => each.status);
    assert.deepEqual(await statuses(), [200, 500, 403, 404, 301, 204, 200]);
    assert.deepEqual(await statuses('2xx'), [200, 204, 200]);
    assert.deepEqual(await statuses('3xx'), [301]);
    assert.deepEqual(await statuses('4xx'), [403, 404]);
    assert.deepEqual(await statuses('5xx'), [500]);
    assert.deepEqual(await statuses('errors'), [200, 500, 403, 404]);
  });

  it('is read page by page, with each event once', async (t) => {
    const { vault, owner, secretId, seen } = await scene(t);
    await record(
      vault,
      Array.from({ length: 7 }, (_, index) => seen({ path: `/${index}`, secretIds: [secretId] })),
    );
    const paths: (string | null)[] = [];
    let before: number | undefined;
    for (;;) {
      const events = await vault.secrets.audit(owner, 'KEY', { limit: 3, before });
      paths.push(...events.map(({ path }) => path));
      const last = events.at(-1);
      if (last === undefined) break;
      before = last.id;
    }
    assert.deepEqual(paths, ['/6', '/5', '/4', '/3', '/2', '/1', '/0']);
  });

  it('takes a limit of 1 to 200', async (t) => {
    const { vault, owner } = await scene(t);
    for (const limit of [0, 201, 1.5, Number.NaN]) {
      await assert.rejects(vault.secrets.audit(owner, 'KEY', { limit }), refusal('bad_request', 'limit'));
    }
    assert.deepEqual(await vault.secrets.audit(owner, 'KEY', { limit: 200 }), []);
  });
});
