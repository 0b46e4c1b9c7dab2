import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveDestination, resolveRequest } from '../../../src/egress/target.ts';
import type { Arrival, Destination, Refused } from '../../../src/egress/target.ts';
import { parseAuthority } from '../../../src/net/hostname.ts';
import { goodHead } from './support.ts';

function connect(authority: string, sni: string | null, tls = true): Arrival {
  const parsed = parseAuthority(authority, 443);
  assert.ok(parsed !== null);
  return { kind: 'connect', authority: parsed, tls, sni };
}

function dialled(address: string, name: string | null, sni: string | null = null): Arrival {
  return { kind: 'namespace', address, port: 443, name, tls: true, sni };
}

function codeOf(outcome: Destination | Refused): string {
  return 'refused' in outcome ? outcome.refused.code : 'ok';
}

const https: Destination = { host: 'api.example.com', port: 443, scheme: 'https', isAddress: false };
const oddPort: Destination = { ...https, port: 8443 };
const plain: Destination = { ...https, port: 80, scheme: 'http' };
const address: Destination = { host: '2001:db8::1', port: 443, scheme: 'https', isAddress: true };

function ask(destination: Destination | null, startLine: string, ...hosts: string[]) {
  return resolveRequest(
    destination,
    goodHead([startLine, ...hosts.map((host) => `Host: ${host}`), '', ''].join('\r\n')),
  );
}

test('a CONNECT is for the name it gave, which the SNI repeats or leaves out', () => {
  for (const sni of ['api.example.com', 'API.Example.com', null]) {
    assert.deepEqual(resolveDestination(connect('API.example.com', sni)), https);
  }
  assert.deepEqual(resolveDestination(connect('api.example.com:80', null, false)), plain);
});

test('an SNI that names another host than CONNECT is misdirected', () => {
  for (const sni of ['evil.com', 'a.api.example.com', 'example.com']) {
    assert.equal(codeOf(resolveDestination(connect('api.example.com', sni))), 'misdirected_request', sni);
  }
  assert.equal(codeOf(resolveDestination(connect('192.0.2.1', 'api.example.com'))), 'misdirected_request');
});

test('a connection from a namespace is for the name that its address was given out for', () => {
  assert.deepEqual(resolveDestination(dialled('198.18.0.7', 'api.example.com', 'api.example.com')), https);
  assert.deepEqual(resolveDestination(dialled('198.18.0.7', 'api.example.com')), https);
  assert.equal(codeOf(resolveDestination(dialled('198.18.0.7', 'api.example.com', 'evil.com'))), 'misdirected_request');
});

test('an address dialled as such is the destination itself, and no SNI makes it a name', () => {
  assert.deepEqual(resolveDestination(dialled('::ffff:192.0.2.1', null)), {
    host: '192.0.2.1',
    port: 443,
    scheme: 'https',
    isAddress: true,
  });
  assert.deepEqual(resolveDestination(dialled('2001:DB8:0::1', null)), address);
  assert.equal(codeOf(resolveDestination(dialled('192.0.2.1', null, 'api.example.com'))), 'misdirected_request');
  assert.equal(codeOf(resolveDestination(dialled('fe80::1%eth0', null))), 'bad_request');
});

test("a request in a tunnel is for the tunnel's destination when Host agrees, port and all", () => {
  const path = '/a?b';
  for (const host of ['api.example.com', 'API.EXAMPLE.COM', 'api.example.com:443']) {
    assert.deepEqual(ask(https, 'GET /a?b HTTP/1.1', host), { ...https, path });
  }
  assert.deepEqual(ask(oddPort, 'GET /a?b HTTP/1.1', 'api.example.com:8443'), { ...oddPort, path });
  assert.deepEqual(ask(plain, 'GET /a?b HTTP/1.1', 'api.example.com'), { ...plain, path });
  assert.deepEqual(ask(address, 'GET /a?b HTTP/1.1', '[2001:DB8::0:1]'), { ...address, path });
  assert.deepEqual(ask(https, 'OPTIONS * HTTP/1.1', 'api.example.com'), { ...https, path: '*' });
});

test('a Host that differs in name or port is misdirected', () => {
  for (const host of [
    'evil.com',
    'api.example.com:80',
    'api.example.com:8443',
    'a.api.example.com',
    '192.0.2.1',
    '[::1]',
  ]) {
    assert.equal(codeOf(ask(https, 'GET / HTTP/1.1', host)), 'misdirected_request', host);
  }
  assert.equal(codeOf(ask(oddPort, 'GET / HTTP/1.1', 'api.example.com')), 'misdirected_request');
  assert.equal(codeOf(ask(plain, 'GET / HTTP/1.1', 'api.example.com:443')), 'misdirected_request');
  assert.equal(codeOf(ask(address, 'GET / HTTP/1.1', '[2001:db8::2]')), 'misdirected_request');
});

test('a Host that names nothing is a bad request', () => {
  for (const host of [
    'api.example.com.',
    'api.example.com:',
    '2130706433',
    '0x7f.1',
    '2001:db8::1',
    '[::1',
    '-a.com',
  ]) {
    assert.equal(codeOf(ask(https, 'GET / HTTP/1.1', host)), 'bad_request', host);
  }
});

test("HTTP/1.0 without Host is for the connection's destination", () => {
  assert.deepEqual(ask(oddPort, 'GET / HTTP/1.0'), { ...oddPort, path: '/' });
});

test('an absolute URL to the proxy brings its own destination, and goes on in origin form', () => {
  const paths = { '': '/', '/': '/', '/a?b': '/a?b', '?b': '/?b', '//x': '//x' };
  for (const [rest, path] of Object.entries(paths)) {
    assert.deepEqual(ask(null, `GET http://API.example.com${rest} HTTP/1.1`, 'api.example.com'), { ...plain, path });
  }
  assert.deepEqual(ask(null, 'OPTIONS http://api.example.com HTTP/1.1', 'api.example.com'), { ...plain, path: '*' });
  assert.deepEqual(ask(null, 'GET https://api.example.com:8443/a HTTP/1.1', 'api.example.com:8443'), {
    ...oddPort,
    path: '/a',
  });
  assert.deepEqual(ask(null, 'GET http://api.example.com/ HTTP/1.0'), { ...plain, path: '/' });
});

test('an absolute URL and Host must agree', () => {
  for (const host of ['evil.com', 'api.example.com:443', 'api.example.com:8080']) {
    assert.equal(codeOf(ask(null, 'GET http://api.example.com/ HTTP/1.1', host)), 'misdirected_request', host);
  }
});

test("an absolute URL inside a tunnel must be for the tunnel's destination", () => {
  assert.deepEqual(ask(https, 'GET https://api.example.com/a HTTP/1.1', 'api.example.com'), { ...https, path: '/a' });
  for (const [url, host] of [
    ['http://api.example.com/', 'api.example.com'],
    ['https://evil.com/', 'evil.com'],
    ['https://evil.com/', 'api.example.com'],
    ['https://api.example.com:8443/', 'api.example.com:8443'],
    ['http://api.example.com:443/', 'api.example.com:443'],
  ] as const) {
    assert.equal(codeOf(ask(https, `GET ${url} HTTP/1.1`, host)), 'misdirected_request', url);
  }
});

test('an absolute URL with user info, or an odd host, is a bad request', () => {
  for (const url of [
    'http://u@api.example.com/',
    'http://u:p@api.example.com/',
    'http:///a',
    'http://',
    'http://a.com:/',
    'http://127.1/',
    'http://a.com./',
    'http://a.com\\@evil.com/',
  ]) {
    assert.equal(codeOf(ask(null, `GET ${url} HTTP/1.1`, 'api.example.com')), 'bad_request', url);
  }
});

test('origin form to the proxy itself, and CONNECT inside a tunnel, are bad requests', () => {
  assert.equal(codeOf(ask(null, 'GET / HTTP/1.1', 'api.example.com')), 'bad_request');
  assert.equal(codeOf(ask(null, 'OPTIONS * HTTP/1.1', 'api.example.com')), 'bad_request');
  assert.equal(codeOf(ask(https, 'CONNECT api.example.com:443 HTTP/1.1', 'api.example.com:443')), 'bad_request');
});
