import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusals } from '../../../src/egress/refusals.ts';
import { catalogue } from '../../../src/vault/providers/catalogue.ts';
import { probes } from '../../../src/vault/providers/probes.ts';
import { explainedCodes, refusalHelp } from '../../../src/vault/refusal-help.ts';

test('every provider names a call that tells whether a key works, or that it has none', () => {
  assert.deepEqual(Object.keys(probes).toSorted(), [...catalogue.keys()].toSorted());
  const without = Object.entries(probes).filter(([, probe]) => probe === null);
  assert.ok(without.length <= 4, without.map(([name]) => name).join(' '));
});

test('such a call goes to a host of its provider, and changes nothing', () => {
  for (const [name, probe] of Object.entries(probes)) {
    if (probe === null) continue;
    const hosts = catalogue.get(name)?.rules.flatMap((rule) => rule.hosts) ?? [];
    assert.ok(probe.host === undefined || hosts.includes(probe.host), name);
    assert.ok(URL.canParse(probe.path, `https://${hosts[0]}`) && probe.path.startsWith('/'), name);
    // A POST only where the vendor asks questions by it, with a body that is written here.
    assert.equal(probe.method === 'POST', probe.body !== undefined, name);
    assert.doesNotMatch(probe.body ?? '', /mutation/, name);
  }
});

test('every code of the proxy has a cause and a cure', () => {
  const codes = [...Object.keys(refusals), 'client_closed_request'];
  assert.deepEqual([...explainedCodes].toSorted(), codes.toSorted());
  assert.equal(refusalHelp('host_denied').code, 'host_denied');
});
