import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { waitUntil } from '../support/processes.ts';

const host = 'api.example.com';
const elsewhere = 'other.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let other: RigSandbox;

before(async () => {
  rig = await startEgressRig({ names: [host, elsewhere] });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  await rig.secret({ name: 'leaked', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
  other = await rig.sandbox({ KEY: 'leaked' });
});
after(() => rig?.stop());

type Row = Awaited<ReturnType<EgressRig['server']['client']['secrets']['audit']>>[number];

/** The tripwire events of a secret, newest first, once there are more than `known`. */
async function tripwires(secret: string, known: number): Promise<Row[]> {
  let rows: Row[] = [];
  await waitUntil(
    async () => {
      rows = await rig.server.client.secrets.audit(secret, { kind: 'tripwire', limit: 200 });
      return rows.length > known;
    },
    { what: `a tripwire event of ${secret}` },
  );
  return rows;
}

async function countOf(secret: string): Promise<number> {
  return (await rig.server.client.secrets.audit(secret, { kind: 'tripwire', limit: 200 })).length;
}

interface Attempt {
  target?: string;
  to?: string;
  lines?: string[];
  trailers?: string[];
}

/** The answer to a request; nothing of it may have reached the upstream. */
async function refusal({ target = '/', to = host, lines = [], trailers = [] }: Attempt) {
  const seen = rig.upstream.requests.length;
  const connection = await sandbox.connect(to);
  const head = [trailers.length === 0 ? `GET ${target} HTTP/1.1` : `POST ${target} HTTP/1.1`, `Host: ${to}`, ...lines];
  if (trailers.length === 0) connection.send([...head, '', ''].join('\r\n'));
  else connection.send([...head, 'Transfer-Encoding: chunked', '', '0', ...trailers, '', ''].join('\r\n'));
  const response = await connection.response();
  connection.close();
  assert.equal(rig.upstream.requests.length, seen, 'nothing reached the upstream');
  return { status: response.status, code: response.header('x-standin-error') };
}

/** Headers that servers echo or log, that browsers and proxies pass on, or that gateways read. */
const headers = [
  'User-Agent',
  'Origin',
  'Referer',
  'Cookie',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Request-Id',
  'Idempotency-Key',
  'Content-Disposition',
  'Last-Event-ID',
  'Sec-WebSocket-Protocol',
  'Access-Control-Request-Method',
  'Access-Control-Request-Headers',
  'Expect',
  'Prefer',
  'X-Api-Key',
];

for (const name of headers) {
  test(`a stand-in in ${name} is refused, reaches nobody and is a tripwire event that names the header`, async () => {
    const known = await countOf('key');
    const answer = await refusal({ lines: [`${name}: a ${sandbox.standIn('KEY')} b`] });
    assert.deepEqual(answer, { status: 403, code: 'credential_host_mismatch' });
    const [event] = await tripwires('key', known);
    assert.deepEqual(event?.tripwire, { stand_in: 'own', slot: `header ${name.toLowerCase()}`, action: 'alert' });
    assert.deepEqual(
      [event?.sandbox_id, event?.host, event?.error_code, event?.path, event?.method],
      [sandbox.id, host, 'credential_host_mismatch', null, null],
    );
  });
}

test('it is in the log, without the stand-in', async () => {
  const stderr = () => rig.server.program.stderr();
  await waitUntil(() => stderr().includes('"slot":"header user-agent"'), { what: 'the line in the log' });
  const line = stderr()
    .split('\n')
    .find((each) => each.includes('header user-agent'));
  const { level, sandbox: id, secret, host: where, code } = JSON.parse(line ?? '{}');
  assert.deepEqual([level, id, secret, where, code], ['warn', sandbox.id, 'key', host, 'credential_host_mismatch']);
  assert.ok(!stderr().includes(sandbox.standIn('KEY')));
});

const places: { slot: string; attempt: () => Attempt }[] = [
  { slot: 'path', attempt: () => ({ target: `/a/${sandbox.standIn('KEY')}/b?c=d` }) },
  { slot: 'query page', attempt: () => ({ target: `/a?x=y&page=${sandbox.standIn('KEY')}` }) },
  { slot: 'query', attempt: () => ({ target: `/a?${sandbox.standIn('KEY')}=1` }) },
  { slot: 'header', attempt: () => ({ lines: [`${sandbox.standIn('KEY')}: ${sandbox.standIn('KEY')}`] }) },
  { slot: 'basic user name', attempt: () => ({ lines: [basic(`${sandbox.standIn('KEY')}:x`)] }) },
  { slot: 'basic password', attempt: () => ({ lines: [basic(`x:${sandbox.standIn('KEY')}`)] }) },
  { slot: 'header authorization', attempt: () => ({ lines: [`Authorization: Token ${sandbox.standIn('KEY')}`] }) },
  { slot: 'trailer x-sum', attempt: () => ({ trailers: [`X-Sum: ${sandbox.standIn('KEY')}`] }) },
];

for (const { slot, attempt } of places) {
  test(`a stand-in out of place is told of as "${slot}", and not repeated`, async () => {
    const known = await countOf('key');
    const answer = await refusal(attempt());
    assert.equal(answer.code, 'credential_host_mismatch');
    const [event] = await tripwires('key', known);
    assert.equal(event?.tripwire?.slot, slot);
    assert.ok(!JSON.stringify(event).includes(sandbox.standIn('KEY')));
  });
}

test('a stand-in in the right header at a host that its secret does not name is a tripwire event of that host', async () => {
  const known = await countOf('key');
  const answer = await refusal({ to: elsewhere, lines: [`Authorization: Bearer ${sandbox.standIn('KEY')}`] });
  assert.deepEqual(answer, { status: 403, code: 'credential_host_mismatch' });
  const [event] = await tripwires('key', known);
  assert.deepEqual([event?.host, event?.tripwire?.slot], [elsewhere, 'header authorization']);
});

test("another sandbox's stand-in tells of the sandbox that leaked it", async () => {
  const known = await countOf('leaked');
  const answer = await refusal({ lines: [`Authorization: Bearer ${other.standIn('KEY')}`] });
  assert.deepEqual(answer, { status: 403, code: 'credential_not_bound' });
  const [event] = await tripwires('leaked', known);
  assert.equal(event?.sandbox_id, other.id);
  assert.deepEqual(event?.tripwire, { stand_in: 'leaked', slot: 'header authorization', action: 'alert' });
});

test('who does not ask for tripwire events gets requests alone, as before there were any', async () => {
  const rows = await rig.server.client.secrets.audit('key', { limit: 200 });
  assert.ok(rows.length > 0);
  assert.ok(rows.every((row) => row.method !== null && !('tripwire' in row)));
  const all = await rig.server.client.secrets.audit('key', { kind: 'all', limit: 200 });
  assert.ok(all.some((row) => row.tripwire !== undefined) && all.some((row) => row.tripwire === undefined));
});

test('a stand-in in its slot is swapped and trips nothing', async () => {
  const known = await countOf('key');
  const connection = await sandbox.connect(host);
  connection.send(`GET /fine HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n\r\n`);
  assert.equal((await connection.response()).status, 200);
  connection.close();
  await rig.auditRow('key', (row) => row.path === '/fine');
  assert.equal(await countOf('key'), known);
});

function basic(credentials: string): string {
  return `Authorization: Basic ${Buffer.from(credentials).toString('base64')}`;
}
