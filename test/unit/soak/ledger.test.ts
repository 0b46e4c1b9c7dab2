import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Ledger } from '../../soak/ledger.ts';
import type { Binding, Intent } from '../../soak/ledger.ts';
import { Findings } from '../../soak/violations.ts';
import type { Invariant } from '../../soak/violations.ts';

/** Each planted violation is found, under its own name, and what is right is not. */

let findings: Findings;
let ledger: Ledger;
let binding: Binding;

beforeEach(() => {
  findings = new Findings();
  ledger = new Ledger(findings);
  binding = { box: 0, secret: 3, standIn: 'a stand-in', endingAt: null, endedAt: null };
});

function ask(more: Partial<Intent> = {}): number {
  return ledger.ask({ box: 0, host: 'alpha.example.com', kind: 'test', binding, forbidden: false, ...more });
}

function sight(number: number | null, version: number, more: { secret?: number; host?: string } = {}): void {
  const { secret = 3, host = 'alpha.example.com' } = more;
  ledger.sighted({ number, host, values: [{ secret, version }] });
}

const violated = () => [...new Set(findings.kept.map(({ invariant }): Invariant => invariant))];

describe('what upstreams saw', () => {
  it('is right where the value is the one that was asked for', () => {
    sight(ask(), 0);
    assert.deepEqual(violated(), []);
    assert.equal(findings.checksOf('value_elsewhere'), 1);
  });

  it('is wrong where the value is of another secret', () => {
    sight(ask(), 0, { secret: 4 });
    assert.deepEqual(violated(), ['value_elsewhere']);
  });

  it('is wrong where the value came to another host', () => {
    sight(ask(), 0, { host: 'bravo.example.com' });
    assert.deepEqual(violated(), ['value_elsewhere']);
  });

  it('is wrong where the request had no stand-in, or nobody made it', () => {
    sight(ask({ binding: null }), 0);
    sight(null, 0);
    sight(1000, 0);
    assert.equal(findings.countOf('value_elsewhere'), 3);
  });

  it('is wrong where the value was rotated out before the request was sent', () => {
    ledger.rotatedOut(3, 2, Date.now() - 100);
    sight(ask(), 2);
    assert.deepEqual(violated(), []);
    sight(ask(), 1);
    sight(ask(), 0);
    assert.deepEqual(violated(), ['value_too_late']);
    assert.equal(findings.countOf('value_too_late'), 2);
  });

  it('is right where the value was rotated out after it', () => {
    const number = ask();
    ledger.rotatedOut(3, 2, Date.now() + 100);
    sight(number, 1);
    assert.deepEqual(violated(), []);
  });

  it('is wrong where the stand-in was detached before the request was sent', () => {
    binding.endedAt = Date.now() - 100;
    sight(ask(), 0);
    assert.deepEqual(violated(), ['value_too_late']);
  });

  it('is wrong where it should have been refused', () => {
    ledger.sighted({ number: ask({ forbidden: true }), host: 'alpha.example.com', values: [] });
    assert.deepEqual(violated(), ['misplaced_passed']);
  });
});

describe('what clients saw', () => {
  it('is right where it is the upstream’s answer, or a refusal that a fault explains', () => {
    ledger.answered(ask());
    ledger.refused(ask(), { code: 'audit_unavailable', status: 503 });
    ledger.refused(ask({ forbidden: true }), { code: 'credential_host_mismatch', status: 403 });
    assert.deepEqual(violated(), []);
  });

  it('is wrong where what had to be refused was answered', () => {
    ledger.answered(ask({ forbidden: true }));
    assert.deepEqual(violated(), ['misplaced_passed']);
  });

  for (const [how, code, status] of [
    ['that is not documented', 'out_of_order', 503],
    ['without a code', undefined, 502],
    ['with the status of another', 'vault_unavailable', 503],
    ['that says the client is wrong', 'proxy_auth_required', 407],
    ['for a stand-in that is bound', 'credential_not_bound', 403],
  ] as const) {
    it(`is wrong where it is a refusal ${how}`, () => {
      ledger.refused(ask(), { code, status });
      assert.deepEqual(violated(), ['undocumented_answer']);
    });
  }

  it('is right where a stand-in is refused that was being detached', () => {
    binding.endingAt = Date.now();
    ledger.refused(ask(), { code: 'credential_not_bound', status: 403 });
    assert.deepEqual(violated(), []);
  });

  it('is wrong where nothing came in time', () => {
    ledger.hung(ask(), 'connecting');
    assert.deepEqual(violated(), ['hung']);
  });

  it('stays answered where the content is cut off later', () => {
    const number = ask();
    ledger.answered(number);
    ledger.broken(number);
    assert.equal(ledger.asked[number]?.outcome, 'answered');
    assert.deepEqual([...ledger.counts], [['test answered', 1]]);
  });
});
