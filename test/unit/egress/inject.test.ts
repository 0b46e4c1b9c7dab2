import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeCredentials } from '../../../src/egress/inject.ts';
import { compileSandbox } from '../../../src/egress/inject-plan.ts';
import { coreFingerprint, findCores, makeCore } from '../../../src/stand-in.ts';
import {
  basic,
  bearer,
  binding,
  headerSlot,
  headerSlots,
  host,
  judge,
  refused,
  sandboxOf,
  standIn,
  swapped,
} from './sandboxes.ts';
import { goodHead } from './support.ts';

const basicSlot = { kind: 'basic', username: null, place: 'password' } as const;
const key = binding('KEY', [bearer]);
const sandbox = sandboxOf(key);

test('a request without a stand-in passes, whatever credentials of its own it has', () => {
  for (const lines of [
    [],
    ['Authorization: Bearer own'],
    [basic('user:own')],
    ['X: outstanding 7374616e standin %73 \\u0073'],
    ['X: c3RhbmRpbg=='],
  ]) {
    assert.equal(judge(sandbox, { lines, path: '/a%20b?c=%2e' }).kind, 'pass', lines.join());
  }
});

test('a stand-in in the slot of a rule for this host is swapped', () => {
  assert.deepEqual(swapped(judge(sandbox, { lines: [`Authorization: Bearer ${key.standIn}`] })), ['KEY header']);
});

test('the header name and the scheme word are compared without regard to case, blanks around are not content', () => {
  assert.deepEqual(swapped(judge(sandbox, { lines: [`AUTHORIZATION:\t bearer ${key.standIn} \t`] })), ['KEY header']);
});

test('a prefix, a suffix and the bare value are each a slot of their own', () => {
  for (const [before, after] of [
    ['', ''],
    ['Token token=', ''],
    ['Key "', '"'],
    ['a', 'b'],
  ] as const) {
    const own = binding('OWN', [headerSlot('X-Key', before, after)]);
    assert.deepEqual(swapped(judge(sandboxOf(own), { lines: [`x-key: ${before}${own.standIn}${after}`] })), [
      'OWN header',
    ]);
  }
});

test('the stand-in of a hexadecimal token is swapped as well', () => {
  const own = binding('HEX', [headerSlot('X-Key')], { standIn: makeCore('hex') });
  assert.deepEqual(swapped(judge(sandboxOf(own), { lines: [`X-Key: ${own.standIn}`] })), ['HEX header']);
});

test('a wildcard rule holds one label down', () => {
  const own = binding('OWN', [], { rules: [{ hosts: ['*.example.com'], slots: [bearer] }] });
  const lines = [`Authorization: Bearer ${own.standIn}`];
  assert.deepEqual(swapped(judge(sandboxOf(own), { host: 'a.example.com', lines })), ['OWN header']);
  for (const name of ['example.com', 'a.b.example.com', 'aexample.com']) {
    assert.equal(refused(judge(sandboxOf(own), { host: name, lines })), 'credential_host_mismatch', name);
  }
});

test('the second slot of a rule is as good as the first, and rules differ by host', () => {
  const own = binding('OWN', [], {
    rules: [
      { hosts: [host], slots: [bearer, headerSlot('Authorization', 'token ')] },
      { hosts: ['other.example.com'], slots: [basicSlot] },
    ],
  });
  const all = sandboxOf(own);
  assert.deepEqual(swapped(judge(all, { lines: [`Authorization: Token ${own.standIn}`] })), ['OWN header']);
  assert.deepEqual(swapped(judge(all, { host: 'other.example.com', lines: [basic(`x:${own.standIn}`)] })), [
    'OWN basic',
  ]);
  assert.equal(refused(judge(all, { lines: [basic(`x:${own.standIn}`)] })), 'credential_host_mismatch');
  assert.equal(
    refused(judge(all, { host: 'other.example.com', lines: [`Authorization: Bearer ${own.standIn}`] })),
    'credential_host_mismatch',
  );
});

test('a stand-in at another host is refused, and the answer does not say where it belongs', () => {
  const judgement = judge(sandbox, { host: 'evil.com', lines: [`Authorization: Bearer ${key.standIn}`] });
  assert.equal(refused(judgement), 'credential_host_mismatch');
  assert.ok(judgement.kind === 'refuse');
  assert.match(judgement.refused.message, /KEY .*evil\.com/);
  assert.doesNotMatch(judgement.refused.message, /api\.example\.com/);
  assert.deepEqual(judgement.bindings, [key]);
});

const echoed = [
  'User-Agent',
  'Origin',
  'Referer',
  'Cookie',
  'X-Forwarded-For',
  'X-Request-Id',
  'Idempotency-Key',
  'Content-Disposition',

  'Last-Event-ID',
  'Sec-WebSocket-Protocol',
  'Access-Control-Request-Headers',
  'Expect',
  'Prefer',
  'Proxy-Authorization',
  'X-Api-Key',
];

test('a stand-in in any other header is refused, also beside a good one', () => {
  for (const name of echoed) {
    const line = `${name}: ${key.standIn}`;
    assert.equal(refused(judge(sandbox, { lines: [line] })), 'credential_host_mismatch', name);
    assert.equal(
      refused(judge(sandbox, { lines: [`Authorization: Bearer ${key.standIn}`, line] })),
      'credential_host_mismatch',
      name,
    );
  }
});

test('a slot that is not exactly filled is refused', () => {
  for (const value of [
    `Bearer  ${key.standIn}`,
    `Bearer ${key.standIn}x`,
    `Bearer x${key.standIn}`,
    `Bearer ${key.standIn}, x`,
    key.standIn,

    `Basic ${key.standIn}`,
    `Bearer ${key.standIn} ${key.standIn}`,
    `Bearer "${key.standIn}"`,
    `Token ${key.standIn}`,
    `Bearer ${findCores(key.standIn)[0]?.core ?? ''}`,
  ]) {
    assert.equal(refused(judge(sandbox, { lines: [`Authorization: ${value}`] })), 'credential_host_mismatch', value);
  }
});

test('a stand-in in a header name, the path, the query or the method is refused', () => {
  const core = findCores(key.standIn)[0]?.core ?? '';
  assert.equal(refused(judge(sandbox, { lines: [`X-${core}: a`] })), 'credential_host_mismatch');
  for (const path of [`/${key.standIn}`, `/?k=${key.standIn}`, `/a?${key.standIn}=b`, `/a;${key.standIn}`]) {
    assert.equal(refused(judge(sandbox, { path })), 'credential_host_mismatch', path);
  }
  const head = goodHead(`${core} / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const target = { host, port: 443, scheme: 'https', isAddress: false, path: '/' } as const;
  assert.equal(refused(judgeCredentials(sandbox, { head, target })), 'credential_host_mismatch');
});

test('a stand-in of another sandbox is refused and named by its fingerprint, wherever it stands', () => {
  const stranger = standIn();
  const fingerprint = coreFingerprint(findCores(stranger)[0]?.core ?? '');
  for (const asked of [
    { lines: [`Authorization: Bearer ${stranger}`] },
    { lines: [`User-Agent: ${stranger}`] },
    { lines: [`Authorization: Bearer ${key.standIn}`, `X: ${stranger}`] },
    { path: `/?a=${stranger}` },
    { lines: [basic(`x:${stranger}`)] },
  ]) {
    const judgement = judge(sandbox, asked);
    assert.equal(refused(judgement), 'credential_not_bound');
    assert.ok(judgement.kind === 'refuse');
    assert.deepEqual(
      judgement.foreign.map((each) => each.fingerprint),
      [fingerprint],
    );
    assert.ok(!judgement.refused.message.includes(stranger));
  }
});

test('a revoked stand-in is answered as revoked, in its slot and out of it', () => {
  const gone = binding('GONE', [bearer], { state: 'revoked' });
  const both = sandboxOf(key, gone);
  for (const lines of [
    [`Authorization: Bearer ${gone.standIn}`],
    [`X: ${gone.standIn}`],
    [`Authorization: Bearer ${key.standIn}`, `X: ${gone.standIn}`],
  ]) {
    const judgement = judge(both, { lines });
    assert.equal(refused(judgement), 'credential_revoked');
    assert.ok(judgement.kind === 'refuse' && judgement.bindings.includes(gone));
  }
});

test('a foreign stand-in weighs more than a revoked one, and that more than one out of place', () => {
  const gone = binding('GONE', [bearer], { state: 'revoked' });
  const both = sandboxOf(key, gone);
  assert.equal(refused(judge(both, { lines: [`A: ${key.standIn} ${gone.standIn}`] })), 'credential_revoked');
  assert.equal(
    refused(judge(both, { lines: [`A: ${key.standIn} ${gone.standIn} ${standIn()}`] })),
    'credential_not_bound',
  );
});

test('nothing is swapped over cleartext unless the operator allows the host', () => {
  const lines = [`Authorization: Bearer ${key.standIn}`];
  const judgement = judge(sandbox, { scheme: 'http', lines });
  assert.equal(refused(judgement), 'credential_host_mismatch');
  assert.ok(judgement.kind === 'refuse' && /cleartext/.test(judgement.refused.message));
  const allowing = compileSandbox(sandbox.snapshot, new Set([host]));
  assert.deepEqual(swapped(judge(allowing, { scheme: 'http', lines })), ['KEY header']);
  const other = compileSandbox(sandbox.snapshot, new Set([`x.${host}`, host.slice(host.indexOf('.') + 1)]));
  assert.equal(refused(judge(other, { scheme: 'http', lines })), 'credential_host_mismatch');
});

test('two secrets in different slots are both swapped', () => {
  const other = binding('OTHER', [headerSlot('X-Application-Key')]);
  const third = binding('THIRD', [{ kind: 'query', name: 'key' }]);
  const judgement = judge(sandboxOf(key, other, third), {
    path: `/a?key=${third.standIn}&b`,
    lines: [`X-Application-Key: ${other.standIn}`, `Authorization: Bearer ${key.standIn}`],
  });
  assert.deepEqual(swapped(judgement), ['THIRD query', 'OTHER header', 'KEY header']);
});

test('two secrets that claim one header are refused', () => {
  const other = binding('OTHER', [headerSlot('authorization', 'Token ')]);
  const judgement = judge(sandboxOf(key, other), {
    lines: [`Authorization: Bearer ${key.standIn}`, `Authorization: Token ${other.standIn}`],
  });
  assert.equal(refused(judgement), 'credential_host_mismatch');
  assert.ok(judgement.kind === 'refuse');
  assert.deepEqual(judgement.bindings, [key, other]);
});

test('one stand-in twice is refused', () => {
  const own = binding('OWN', [bearer, headerSlot('X-Key'), { kind: 'query', name: 'key' }]);
  const line = `Authorization: Bearer ${own.standIn}`;
  for (const asked of [
    { lines: [line, line] },
    { lines: [line, `X-Key: ${own.standIn}`] },
    { lines: [line], path: `/?key=${own.standIn}` },
    { path: `/?key=${own.standIn}&key=${own.standIn}` },
  ]) {
    assert.equal(refused(judge(sandboxOf(own), asked)), 'credential_host_mismatch');
  }
});

test('a rule of several headers takes its stand-in in one of them or in each', () => {
  const set = [
    { name: 'X-Id', before: 'id ', after: '' },
    { name: 'X-Secret', before: '', after: '' },
  ];
  const own = binding('OWN', headerSlots(set));
  const all = sandboxOf(own);
  const id = `X-Id: id ${own.standIn}`;
  const secret = `X-Secret: ${own.standIn}`;
  for (const lines of [[id], [secret], [id, secret], [secret, id]])
    assert.deepEqual(swapped(judge(all, { lines })), ['OWN header']);
  for (const lines of [
    [id, secret, secret],
    [id, id],
    [id, `X-Secret: x${own.standIn}`],
  ]) {
    assert.equal(refused(judge(all, { lines })), 'credential_host_mismatch');
  }
});

test('a Connection option cannot take away the header that carries the credential', () => {
  const own = binding('OWN', [headerSlot('X-Key')]);
  for (const option of ['X-Key', 'close, x-key', 'x_key']) {
    assert.equal(
      refused(judge(sandboxOf(own), { lines: [`X-Key: ${own.standIn}`, `Connection: ${option}`] })),
      'bad_request',
    );
  }
});

test('a snapshot whose stand-in could not be recognised is not served', () => {
  assert.throws(() => compileSandbox({ ...sandbox.snapshot, bindings: [{ ...key, standIn: 'sk-plain' }] }), TypeError);
});

test('hosts past the cache are judged as those in it', () => {
  const own = binding('OWN', [], { rules: [{ hosts: ['*.example.com'], slots: [bearer] }] });
  const all = sandboxOf(own);
  const lines = [`Authorization: Bearer ${own.standIn}`];
  for (let i = 0; i < 600; i++)
    assert.deepEqual(swapped(judge(all, { host: `h${i}.example.com`, lines })), ['OWN header']);
  assert.equal(refused(judge(all, { host: 'evil.com', lines })), 'credential_host_mismatch');
});
