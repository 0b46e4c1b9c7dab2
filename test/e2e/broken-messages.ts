import type { Random } from '../fuzz/random.ts';

/** What is said in exchanges that go wrong: each piece may be right by itself, and mostly is. */

interface About {
  host: string;
  authorization: string;
  standIn: string;
}

/** A request in HTTP/1.1, with or without what its head announces. */
export function requests(random: Random, { host, authorization, standIn }: About): string {
  const target = random.pick(['/', '/', '/x', '*', `https://${host}/`, `http://${host}/`, `${host}:443`]);
  const lines = [
    `${random.pick(['GET', 'GET', 'POST', 'HEAD', 'OPTIONS', 'CONNECT', 'get'])} ${target} HTTP/1.1`,
    `Host: ${random.pick([host, host, host, 'other.test', ''])}`,
  ];
  if (random.once(2)) lines.push(`Authorization: Bearer ${random.once(3) ? 'x' : standIn}`);
  if (random.once(4)) lines.push('Expect: 100-continue');
  if (random.once(4)) lines.push(...handshake);
  if (random.once(6)) lines.push('Upgrade: h2c');
  if (random.once(3)) lines.push(random.pick(['Content-Length: 5', 'Transfer-Encoding: chunked', 'Content-Length: x']));
  if (random.once(5)) lines.push('Accept-Encoding: gzip, br, zstd, x');
  if (random.once(40)) lines.push(`X-Lost: ${standIn}`);
  if (random.once(3)) lines.push(`Proxy-Authorization: ${authorization}`);
  const content = ['hello', '5\r\nhello\r\n0\r\n\r\n', '5\r\nhe', 'zz\r\n'];
  return `${lines.join('\r\n')}\r\n\r\n${random.once(2) ? random.pick(content) : ''}`;
}

const handshake = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];

/** Of HTTP/2. */
export function requestFields(random: Random, { host, standIn }: About): [string, string][] {
  const fields: [string, string][] = [
    [':method', random.pick(['GET', 'GET', 'POST', 'CONNECT', 'get'])],
    [':scheme', 'https'],
    [':path', random.pick(['/', '/', '/x?y', '*', ''])],
    [':authority', random.once(4) ? 'other.test' : host],
  ];
  if (random.once(2)) fields.push(['authorization', `Bearer ${standIn}`]);
  if (random.once(6)) fields.push([':protocol', 'websocket']);
  if (random.once(5)) fields.push(['te', 'trailers'], ['content-type', 'application/grpc']);
  if (random.once(5)) fields.push(['content-length', random.pick(['5', '0', 'x'])]);
  return fields;
}

/** Of HTTP/2. */
export function responseFields(random: Random): [string, string][] {
  const fields: [string, string][] = [[':status', random.pick(['200', '200', '100', '103', '204', '304', 'x'])]];
  fields.push(['content-type', random.pick(['text/plain', 'application/grpc', 'text/event-stream'])]);
  if (random.once(3)) fields.push(['content-encoding', random.pick(['gzip', 'br', 'zstd', 'x'])]);
  if (random.once(4)) fields.push(['content-length', random.pick(['5', '0', 'x'])]);
  return fields;
}

/** Beginnings of what may come to the proxy's port. */
export const waysIn = [
  '\x05\x01\x00',
  '\x05\x01\x02\x01\x01u\x01p',
  '\x04\x01',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x00\x05hello',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\x00\xff\r\n\r\n',
];

/** In HTTP/1.1. */
export const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n',
  'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd',
  'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\x1f\x8b\x08\x00\r\n',
  'HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n123456789',
  'HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\x28\xb5\x2f\xfd\r\n0\r\nX: y\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n\x00\x00\x00\x00\x05hello\x01\x00\x00\x00\xff',
  'garbage\r\n\r\n',
  '\x00\xff',
];
