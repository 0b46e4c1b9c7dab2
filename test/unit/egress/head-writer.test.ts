import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewriteHead } from '../../../src/egress/wire/head-writer.ts';
import { goodHead } from './support.ts';

const text = 'GET /a HTTP/1.1\r\nhost:  a \r\nB:b\r\nC: \xe4\r\n\r\n';
const { lines } = goodHead(text);
const keep = () => false;

test('a head without edits is written as it came', () => {
  assert.equal(rewriteHead(lines, { drop: keep }).toString('latin1'), text);
});

test('lines are dropped and written at their places', () => {
  const edited = rewriteHead(lines, {
    startLine: ['GET ', Buffer.from('/b'), ' HTTP/1.1'],
    drop: (line) => line === 0 || line === 2,
    insert: [
      { line: 3, pieces: ['Z: 1\r\n', 'Z: 2\r\n'] },
      { line: 0, pieces: ['X: ', Buffer.from([0xff]), '\r\n'] },
      { line: 2, pieces: ['Y: 1\r\n'] },
    ],
    body: Buffer.from('body'),
  });
  assert.equal(edited.toString('latin1'), 'GET /b HTTP/1.1\r\nX: \xff\r\nB:b\r\nY: 1\r\nZ: 1\r\nZ: 2\r\n\r\nbody');
});

test('every set of dropped lines leaves the others untouched', () => {
  const parts = ['host:  a \r\n', 'B:b\r\n', 'C: \xe4\r\n'];
  for (let set = 0; set < 8; set++) {
    const drop = (line: number) => ((set >> line) & 1) === 1;
    const left = parts.filter((_, line) => !drop(line)).join('');
    assert.equal(rewriteHead(lines, { drop }).toString('latin1'), `GET /a HTTP/1.1\r\n${left}\r\n`);
  }
});

test('a head without header lines can be given some', () => {
  const bare = goodHead('GET / HTTP/1.0\r\n\r\n').lines;
  const edited = rewriteHead(bare, { drop: keep, insert: [{ line: 0, pieces: ['A: b\r\n'] }] });
  assert.equal(edited.toString('latin1'), 'GET / HTTP/1.0\r\nA: b\r\n\r\n');
});
