import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readFirstBytes } from '../../../src/egress/first-bytes.ts';

function kind(text: string): string {
  return readFirstBytes(Buffer.from(text, 'latin1'));
}

test('a handshake record is TLS, and a method with its space is HTTP', () => {
  assert.equal(kind('\x16'), 'tls');
  assert.equal(kind('\x16\x03\x01\x02\x00\x01'), 'tls');
  for (const head of ['GET / HTTP/1.1\r\n', 'OPTIONS * HTTP/1.1\r\n', 'M-SEARCH * HTTP/1.1', 'GET http://a/', 'P /']) {
    assert.equal(kind(head), 'http', head);
  }
});

test('a CONNECT inside a tunnel is for the reader of HTTP to refuse', () => {
  assert.equal(kind('CONNECT example.com:443 HTTP/1.1'), 'http');
  assert.equal(kind('CONNECTS example.com'), 'other');
});

test('HTTP/2 by prior knowledge is told from HTTP/1.1 at its first difference', () => {
  assert.equal(kind('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'http2');
  assert.equal(kind('PRI * HTTP/2.0'), 'http2');
  assert.equal(kind('PRI * HTTP/2'), 'more');
  assert.equal(kind('PRI * HTTP/1.1\r\n'), 'http');
  assert.equal(kind('PRI /'), 'http');
  assert.equal(kind('PRINT /'), 'http');
});

test('protocols that are neither are told by what their clients say first', () => {
  const others = {
    'SSH (RFC 4253 4.2)': 'SSH-2.0-OpenSSH_9.2\r\n',
    'SSH with a comment': 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n',
    FTP: 'USER anonymous\r\n',
    IRC: 'NICK somebody\r\n',
    'PostgreSQL SSLRequest': '\x00\x00\x00\x08\x04\xd2\x16\x2f',
    'Redis RESP': '*1\r\n$4\r\nPING\r\n',
    'MQTT CONNECT': '\x10\x10\x00\x04MQTT',
    'SOCKS 5 inside a tunnel': '\x05\x01\x00',
    'DNS over TCP': '\x00\x1d\x12\x34\x01\x00\x00\x01',
    BitTorrent: '\x13BitTorrent protocol',
    'SMTP answered to silence': '\r\n',
    'a TLS alert': '\x15\x03\x01\x00\x02\x02\x28',
    'a method without an end': 'A'.repeat(33),
  };
  for (const [what, bytes] of Object.entries(others)) assert.equal(kind(bytes), 'other', what);
});

test('what was told by some bytes is told by all that follow, and every byte string is told within 34', () => {
  const beginnings = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc
      .constantFrom('GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n\r\n', 'SSH-2.0-x\r\n', '\x16\x03\x01')
      .map((text) => Buffer.from(text, 'latin1')),
  );
  fc.assert(
    fc.property(beginnings, (given) => {
      const bytes = Buffer.from(given);
      let told = 'more';
      for (let length = 0; length <= bytes.length; length++) {
        const now = readFirstBytes(bytes.subarray(0, length));
        if (told !== 'more') assert.equal(now, told);
        told = now;
      }
      if (bytes.length > 33) assert.notEqual(told, 'more');
    }),
  );
});
