import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { connectPlain } from '../support/proxy-client.ts';

const host = 'api.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(() => rig?.stop());

const refused = [
  { what: 'TRACE', method: 'TRACE', lines: [], status: 405, code: 'method_not_allowed' },
  { what: 'TRACK', method: 'TRACK', lines: [], status: 405, code: 'method_not_allowed' },
  { what: 'trace in lower case', method: 'trace', lines: [], status: 405, code: 'method_not_allowed' },
  {
    what: 'TRACE with Max-Forwards',
    method: 'TRACE',
    lines: ['Max-Forwards: 0'],
    status: 405,
    code: 'method_not_allowed',
  },
  { what: 'Max-Forwards on OPTIONS', method: 'OPTIONS', lines: ['Max-Forwards: 1'], status: 400, code: 'bad_request' },
  { what: 'Max-Forwards on GET', method: 'GET', lines: ['max-forwards: 10'], status: 400, code: 'bad_request' },
];

for (const { what, method, lines, status, code } of refused) {
  test(`${what} is refused here and never reaches the upstream`, async () => {
    const seen = rig.upstream.requests.length;
    const connection = await sandbox.connect(host);
    const head = [`${method} /trace HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${sandbox.standIn('KEY')}`];
    connection.send([...head, ...lines, '', ''].join('\r\n'));
    const response = await connection.response();
    assert.equal(response.status, status);
    assert.equal(response.header('x-standin-error'), code);
    // RFC 9110 section 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
    if (status === 405) assert.ok(!(response.header('allow') ?? 'TRACE').includes('TRACE'));
    assert.equal((await connection.reader.toEnd()).length, 0, 'one answer, then the connection ends');
    assert.equal(rig.upstream.requests.length, seen);
  });
}

test('TRACE to the proxy itself, in absolute form, is refused', async () => {
  const connection = await connectPlain(sandbox.access);
  connection.send(
    `TRACE http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
  );
  const response = await connection.response();
  assert.equal(response.status, 405);
  assert.ok(!response.body.content.includes('Basic'), 'it does not give the request back');
  connection.close();
});
