import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basic, binding, judge, refused, sandboxOf, standIn, swapped } from './sandboxes.ts';

const basicSlot = { kind: 'basic', username: null, place: 'password' } as const;

test('Basic credentials carry the stand-in as the password, or as a lone user name', () => {
  const own = binding('OWN', [basicSlot]);
  const all = sandboxOf(own);
  for (const credentials of [`git:${own.standIn}`, `:${own.standIn}`, own.standIn, `${own.standIn}:`]) {
    assert.deepEqual(swapped(judge(all, { lines: [basic(credentials)] })), ['OWN basic'], credentials);
  }
  assert.deepEqual(swapped(judge(all, { lines: [basic(`git:${own.standIn}`).replace('Basic', 'bASIC ')] })), [
    'OWN basic',
  ]);
});

test('Basic credentials that hold more than the slot does are refused', () => {
  const own = binding('OWN', [basicSlot]);
  const all = sandboxOf(own);
  for (const credentials of [
    `${own.standIn}:x`,
    `${own.standIn}:${own.standIn}`,
    `x:${own.standIn}x`,
    `x:y:${own.standIn}`,
    `x${own.standIn}:`,
  ]) {
    assert.equal(refused(judge(all, { lines: [basic(credentials)] })), 'credential_host_mismatch', credentials);
  }
  assert.equal(refused(judge(all, { lines: [basic(`${standIn()}:${own.standIn}`)] })), 'credential_not_bound');
  const hidden = standIn().replace('standin', '%73tandin');
  assert.equal(refused(judge(all, { lines: [basic(`${hidden}:${own.standIn}`)] })), 'credential_not_bound');
});

test('Basic credentials in base64 that another reader may read otherwise are refused', () => {
  const own = binding('OWN', [basicSlot]);
  const encoded = Buffer.from(`xy:${own.standIn}`).toString('base64');
  for (const value of [
    `${encoded}=`,
    encoded.replace(/=+$/, ''),
    `${encoded.slice(0, 8)}\t${encoded.slice(8)}`,
    `${encoded},x`,
    `"${encoded}"`,
  ]) {
    if (value === encoded) continue;
    assert.equal(
      refused(judge(sandboxOf(own), { lines: [`Authorization: Basic ${value}`] })),
      'credential_host_mismatch',
      value,
    );
  }
});

test('a user name slot takes the stand-in as the user name with an empty password', () => {
  const own = binding('OWN', [{ kind: 'basic', username: null, place: 'username' }]);
  const all = sandboxOf(own);
  for (const credentials of [`${own.standIn}:`, own.standIn])
    assert.deepEqual(swapped(judge(all, { lines: [basic(credentials)] })), ['OWN basic']);
  for (const credentials of [`${own.standIn}:x`, `x:${own.standIn}`, `:${own.standIn}`]) {
    assert.equal(refused(judge(all, { lines: [basic(credentials)] })), 'credential_host_mismatch');
  }
});

test('a query parameter carries the stand-in once, as its whole value, under its own name', () => {
  const own = binding('OWN', [{ kind: 'query', name: 'key' }]);
  const all = sandboxOf(own);
  for (const path of [`/a?key=${own.standIn}`, `/a?b=c&key=${own.standIn}&d`, `/?key=${own.standIn}&&`]) {
    assert.deepEqual(swapped(judge(all, { path })), ['OWN query'], path);
  }
  for (const path of [
    `/a?Key=${own.standIn}`,
    `/a?key=x${own.standIn}`,
    `/a?key=${own.standIn}x`,
    `/a?key=${own.standIn}&key=x`,
    `/key=${own.standIn}`,

    `/a?key=x&%6bey=${own.standIn}`,
    `/a?key=${own.standIn}&k%65y=x`,
    `/a?key=${own.standIn}&b=${own.standIn}`,
    `/a?%6bey=${own.standIn}`,

    `/${own.standIn}?key=${own.standIn}`,
    `/key=${own.standIn}?key=${own.standIn}`,
    `/a?key=${own.standIn};b`,
    `/a?x=1;key=${own.standIn}`,
  ]) {
    assert.equal(refused(judge(all, { path })), 'credential_host_mismatch', path);
  }
});
