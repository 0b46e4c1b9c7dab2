import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusals } from '../../../src/egress/refusals.ts';
import { explainedCodes, refusalHelp } from '../../../src/vault/refusal-help.ts';

test('every code of the proxy has a cause and a cure', () => {
  const codes = [...Object.keys(refusals), 'client_closed_request'];
  assert.deepEqual([...explainedCodes].toSorted(), codes.toSorted());
  assert.equal(refusalHelp('host_denied').code, 'host_denied');
});
