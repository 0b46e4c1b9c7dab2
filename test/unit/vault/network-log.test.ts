import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { ObservedEvent } from '../../../src/audit-rows.ts';
import { auditBatch } from '../../../src/egress/audit-queue.ts';
import type { NetworkLogQuery } from '../../../src/vault/types.ts';
import { createSandbox, otherTeam, refusal, startVault } from './harness.ts';

const noon = Date.UTC(2026, 0, 3, 12);

async function scene(t: TestContext) {
  const harness = await startVault(t);
  const { vault, owner } = harness;
  const { sandbox } = await createSandbox(harness);
  const common = { sandboxId: sandbox.id, teamId: owner.teamId };
  const connection = (host: string, ts: number, verdict: 'allowed' | 'blocked' | 'failed' = 'allowed') => ({
    ...common,
    kind: 'connection' as const,
    ts,
    host,
    connection: { dstIp: '192.0.2.1', dstPort: 443, verdict, matchRule: null, bytesSent: 1, bytesRecv: 2 },
  });
  const request = (host: string, ts: number, status = 200) => ({
    ...common,
    kind: 'request' as const,
    ts,
    host,
    request: {
      method: 'GET',
      path: '/',
      status,
      upstreamStatus: status,
      latencyMs: 5.4,
      errorCode: null,
      secretIds: [],
      foreign: [],
    },
  });
  return {
    ...harness,
    id: sandbox.id,
    connection,
    request,
    record: (...events: ObservedEvent[]) => vault.egress.record([auditBatch(events)]),
    read: (query: Partial<NetworkLogQuery> = {}) =>
      vault.sandboxes.networkLog(owner, sandbox.id, { limit: 50, ...query }),
  };
}

/** Every page, by its cursors; `between` is called after each. */
async function pagesOf(
  { read }: Awaited<ReturnType<typeof scene>>,
  query: Partial<NetworkLogQuery>,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string[][]> {
  const pages: string[][] = [];
  for (let before = query.before; ;) {
    const page = await read({ ...query, before });
    pages.push(page.rows.map(({ host }) => host));
    if (page.nextCursor === null) return pages;
    before = page.nextCursor;
    await between();
  }
}

describe('the network log of a sandbox', () => {
  it('has connections and requests in the order of their times, newest first, with whole milliseconds', async (t) => {
    const { record, connection, request, read } = await scene(t);
    await record(connection('second', noon + 1), request('first', noon), connection('fourth', noon + 3));
    await record(request('third', noon + 2));
    const { rows, nextCursor } = await read();
    assert.deepEqual(
      rows.map(({ host }) => host),
      ['fourth', 'third', 'second', 'first'],
    );
    assert.deepEqual(
      rows.map(({ kind }) => kind),
      ['connection', 'request', 'connection', 'request'],
    );
    assert.equal(rows[1]?.latencyMs, 5);
    assert.equal(nextCursor, null, 'there is no more, and nothing to ask for');
  });

  it('gives each row once, at one time or many, whatever comes while somebody turns the pages', async (t) => {
    const here = await scene(t);
    const { record, connection, request } = here;
    const hosts = Array.from({ length: 23 }, (_, index) => `host-${index}`);
    // All at one time but two, which are older than what came before them.
    for (const [index, host] of hosts.entries()) {
      const ts = index % 9 === 4 ? noon - 60_000 : noon;
      await record(index % 2 === 0 ? connection(host, ts) : request(host, ts));
    }
    let more = 0;
    const pages = await pagesOf(here, { limit: 4 }, () => record(connection(`late-${(more += 1)}`, noon)));
    assert.deepEqual(
      pages.map((page) => page.length),
      [4, 4, 4, 4, 4, 3],
    );
    assert.deepEqual(pages.flat().toSorted(), hosts.toSorted());
  });

  it('keeps to a time on every page that follows the one that was asked for by it', async (t) => {
    const here = await scene(t);
    const { record, connection, request } = here;
    await record(connection('a', noon), connection('b', noon + 1000));
    // Written before those that are older by their times.
    await record(request('too young', noon + 9000));
    await record(connection('c', noon + 2000), connection('d', noon + 3000));
    const before = new Date(noon + 5000).toISOString();
    assert.deepEqual(await pagesOf(here, { limit: 1, before }), [['d'], ['c'], ['b'], ['a']]);
    assert.deepEqual(await pagesOf(here, { limit: 2, before: before.replace('Z', '+00:00') }), [
      ['d', 'c'],
      ['b', 'a'],
    ]);
  });

  it('takes the time `since` as in it, and the time `before` as not', async (t) => {
    const { record, connection, read } = await scene(t);
    await record(connection('a', noon), connection('b', noon + 1), connection('c', noon + 2));
    const { rows } = await read({ since: new Date(noon), before: new Date(noon + 2).toISOString() });
    assert.deepEqual(
      rows.map(({ host }) => host),
      ['b', 'a'],
    );
  });

  it('shows connections alone where a verdict is asked for', async (t) => {
    const here = await scene(t);
    const { record, connection, request } = here;
    await record(
      connection('yes', noon),
      connection('no', noon, 'blocked'),
      request('no', noon, 403),
      connection('broken', noon, 'failed'),
      connection('no too', noon, 'blocked'),
    );
    assert.deepEqual(await pagesOf(here, { verdict: 'blocked', limit: 1 }), [['no too'], ['no']]);
    assert.deepEqual(await pagesOf(here, { verdict: 'allowed' }), [['yes']]);
    assert.deepEqual(await pagesOf(here, { verdict: 'failed' }), [['broken']]);
  });

  it('does not show tripwires, which are told with their secret', async (t) => {
    const { record, request, read } = await scene(t);
    const event = request('a', noon);
    const foreign = [{ fingerprint: 'f'.repeat(64), slot: 'header referer' }];
    await record({ ...event, request: { ...event.request, foreign } });
    assert.deepEqual(
      (await read()).rows.map(({ kind }) => kind),
      ['request'],
    );
  });

  it('refuses a cursor that it did not give', async (t) => {
    const { read } = await scene(t);
    for (const before of [
      'e',
      'e0',
      'e-1',
      'e1.',
      'e1e2',
      '12',
      'yesterday',
      '2026-13-45T00:00:00Z',
      `e${'9'.repeat(20)}`,
    ]) {
      await assert.rejects(read({ before }), refusal('bad_request', 'before'), before);
    }
  });

  it('is not there for another team, nor once the sandbox is deleted', async (t) => {
    const here = await scene(t);
    const { vault, owner, id, record, connection } = here;
    await record(connection('a', noon));
    const stranger = await otherTeam(here);
    await assert.rejects(vault.sandboxes.networkLog(stranger, id, { limit: 1 }), refusal('not_found'));
    await vault.sandboxes.remove(owner, id);
    await assert.rejects(vault.sandboxes.networkLog(owner, id, { limit: 1 }), refusal('not_found'));
  });
});
