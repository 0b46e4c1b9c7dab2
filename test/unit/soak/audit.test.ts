import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEvent } from '../../../src/client/client.ts';
import { Random } from '../../fuzz/random.ts';
import { accountFor } from '../../soak/audit-account.ts';
import { AuditWatch } from '../../soak/audit-watch.ts';
import { pathOf } from '../../soak/behaviours.ts';
import type { Asked } from '../../soak/ledger.ts';
import { Findings } from '../../soak/violations.ts';

const end = 1_000_000;

function asked(more: Partial<Asked> = {}): Asked {
  return {
    box: 0,
    host: 'alpha.example.com',
    kind: 'test',
    binding: null,
    forbidden: false,
    sentAt: end - 10,
    endedAt: end,
    outcome: 'answered',
    code: null,
    ...more,
  };
}

const row = (number: number) => ['request', end, null, 'alpha.example.com', 'GET', pathOf(0, number, 'empty'), 200];
const gap = (from: number, to: number) => ['gap', to, from, to, null];

async function account(entries: Asked[], rows: unknown[][]) {
  const findings = new Findings();
  async function* segments() {
    yield { firstId: 1, lastId: rows.length, rows: JSON.stringify(rows) };
  }
  const counted = await accountFor(entries, segments(), { findings, killedAt: [] });
  return { findings, counted };
}

describe('the account of the audit trail', () => {
  it('is right where every answered request has its event', async () => {
    const { findings, counted } = await account([asked(), asked({ outcome: 'broken' }), asked()], [row(0), row(2)]);
    assert.equal(findings.total, 0);
    assert.deepEqual([counted.expected, counted.found, counted.lost], [2, 2, 0]);
  });

  it('names a request that is missing without a gap', async () => {
    const { findings, counted } = await account([asked(), asked()], [row(0)]);
    assert.deepEqual([counted.lost, findings.countOf('audit_lost')], [1, 1]);
    assert.match(findings.kept[0]?.detail ?? '', /request 1 /);
  });

  it('accepts one that is missing where a gap names its time, and no other', async () => {
    const covered = await account([asked()], [gap(end - 100, end + 5)]);
    assert.deepEqual([covered.counted.inGaps, covered.findings.total], [1, 0]);
    const apart = await account([asked()], [gap(end - 60_000, end - 30_000), gap(end + 30_000, end + 60_000)]);
    assert.equal(apart.findings.countOf('audit_lost'), 1);
  });

  it('wants the refusal of a stand-in out of place as well', async () => {
    const refused = asked({ outcome: 'refused', forbidden: true, code: 'credential_host_mismatch' });
    assert.equal((await account([refused], [])).findings.countOf('audit_lost'), 1);
    assert.equal((await account([refused], [row(0)])).findings.total, 0);
  });

  it('counts events that are there twice', async () => {
    const { counted } = await account([asked()], [row(0), row(0)]);
    assert.equal(counted.repeated, 1);
  });
});

function event(id: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id,
    ts: '2026-01-01T00:00:00.000Z',
    sandbox_id: '0',
    sandbox_name: 'box',
    secret_id: '0',
    method: 'GET',
    host: 'alpha.example.com',
    path: pathOf(0, id, 'empty'),
    status: 200,
    upstream_status: 200,
    latency_ms: 1,
    error_code: null,
    ...more,
  };
}

describe('the watch over events that were read', () => {
  const page = () => [event(30), event(20), event(10)];
  function watched(next: AuditEvent[], first?: number): Findings {
    const findings = new Findings();
    const watch = new AuditWatch(findings, new Random(1, 1));
    watch.enter('key', page());
    watch.enter('key', next, first);
    return findings;
  }

  it('is content where they are there as they were, with newer ones before them', () => {
    const findings = watched([event(40), ...page()]);
    assert.deepEqual([findings.total, findings.checksOf('audit_changed')], [0, 3]);
    assert.equal(watched([event(20, { sandbox_name: null }), event(10)], 20).total, 0);
  });

  it('names one that is gone', () => {
    assert.equal(watched([event(30), event(10)]).countOf('audit_changed'), 1);
    assert.equal(watched([event(10)], 20).countOf('audit_changed'), 1);
  });

  it('names one that is not as it was', () => {
    assert.equal(watched([event(30), event(20, { status: 201 }), event(10)]).countOf('audit_changed'), 1);
  });
});
