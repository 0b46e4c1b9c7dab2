import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { forward } from './forwarded.ts';
import { asMessage } from './as-message.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { readOurs } from './our-reader.ts';

/** What the fuzzer found to be wrong here, as it must be now. */
function read(text: string): { fuzzed: FuzzCase; ours: ReturnType<typeof readOurs> } {
  const bytes = Buffer.from(text, 'latin1');
  const fuzzed: FuzzCase = { side: 'response', bytes, methods: [], cuts: [] };
  return { fuzzed, ours: readOurs(fuzzed, [bytes.length]) };
}

test('a 1xx that announces content is refused: clients read that content, or the final response as it (RFC 9110 8.6, RFC 9112 6.1)', () => {
  const final = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  for (const status of [100, 103, 104, 199]) {
    for (const line of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
      assert.equal(read(`HTTP/1.1 ${status} a\r\n${line}\r\n\r\n${final}`).ours.state, 'refused', `${status} ${line}`);
    }
    const empty = read(`HTTP/1.1 ${status} a\r\nContent-Length: 0\r\n\r\n${final}`);
    assert.equal(empty.ours.messages.length, 2, 'what announces none is harmless');
  }
});

test('a 101 without Upgrade in its Connection switches nothing (RFC 9110 7.8, RFC 6455 4.1)', () => {
  const handshake = (connection: string) =>
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n${connection}\r\n\x81\x00`;
  assert.equal(read(handshake('')).ours.state, 'refused');
  assert.equal(read(handshake('Connection: x\r\n')).ours.state, 'refused');
  assert.equal(read(handshake('Connection: upgrade\r\n')).ours.state, 'switched');
});

test('every field that Connection names stays behind, those that the proxy knows too (RFC 9110 7.6.1)', () => {
  const { fuzzed, ours } = read(
    'HTTP/1.1 200 OK\r\nConnection: keep-alive, host, Expect\r\nHost: a\r\nexpect: b\r\nX: c\r\nContent-Length: 0\r\n\r\n',
  );
  const { fuzzed: passed } = forward(fuzzed, ours.messages, ours.messages.map(asMessage));
  assert.equal(passed.bytes.toString('latin1'), 'HTTP/1.1 200 OK\r\nX: c\r\nContent-Length: 0\r\n\r\n');
});

test('a line that frames the message has no tab: llhttp and nginx make another framing of it (RFC 9110 5.6.3, RFC 9112 6.3)', () => {
  for (const line of [
    'Content-Length:\t1',
    'Content-Length: 1\t',
    'Transfer-Encoding:\tchunked',
    'Transfer-Encoding: chunked \t',
  ]) {
    assert.equal(read(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`).ours.state, 'refused', line);
  }
  assert.equal(read('HTTP/1.1 200 OK\r\nX:\ta\t\r\nContent-Length:  0 \r\n\r\n').ours.state, 'open');
});
