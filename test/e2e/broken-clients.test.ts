import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { Random } from '../fuzz/random.ts';
import { skipWithout } from '../support/processes.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';

/**
 * What clients send of the API, in any order on one connection, cut anywhere and left at any time: none of it may end the
 * server, whose sandboxes have their way out by it.
 */

const connections = 3000;
const atOnce = 12;
/** A client that has not left by then does. */
const longestMs = 40;

describe('clients that leave, or say what they should not', { skip: skipWithout('bwrap') }, () => {
  let server: StandinServer;
  let sandbox: SandboxWithAccess;
  let port: number;

  before(async () => {
    server = await startStandin();
    sandbox = await server.client.sandboxes.create({ name: 'box' });
    port = Number(new URL(server.url).port);
  });
  after(async () => assert.equal((await server.stop()).code, 0, 'nothing that they left keeps it from stopping'));

  const isUp = async () => {
    assert.equal((await server.client.health()).status, 'ok', server.program.stderr().slice(-3000));
  };

  for (const [what, text] of [
    ['a handshake behind a request', () => [health(), handshake(sandbox)]],
    ['a handshake behind one that is answered without being routed', () => [withoutHost(), handshake(sandbox)]],
    ['a handshake behind an expectation that nobody has', () => [expectation(sandbox), handshake(sandbox)]],
    ['a handshake with content', () => [handshake(sandbox, 'Content-Length: 5'), 'hello']],
    ['a handshake without length', () => [handshake(sandbox, 'Transfer-Encoding: chunked'), '0\r\n\r\n']],
  ] as const) {
    it(`${what} leaves the server up`, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(text().join(''));
      await once(socket, 'data');
      socket.destroy();
      await isUp();
    });
  }

  it('a directory whose zip nobody waits for leaves the server up', async () => {
    for (let count = 0; count < 50; count++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(request('GET', '/files?path=/etc&format=zip', access(sandbox)));
      if (count % 2 === 0) await once(socket, 'data');
      socket.resetAndDestroy();
    }
    await isUp();
  });

  it(`${connections} connections at random leave the server up, and the sandbox as it was`, async () => {
    let next = 0;
    const lane = async () => {
      for (let index = next++; index < connections; index = next++) await misbehave(new Random(1, index));
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    await isUp();
    assert.equal((await server.client.exec(sandbox, { command: 'echo here' })).stdout, 'here\n');
  });

  async function misbehave(random: Random): Promise<void> {
    const some = Array.from({ length: 1 + random.below(5) }, () => random.pick(sayings(server, sandbox)));
    const bytes = Buffer.from(some.join(''), 'latin1');
    const cut = random.below(bytes.length);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(bytes.subarray(0, cut));
    const leave = random.pick<(each: Socket) => void>([
      (each) => each.destroy(),
      (each) => each.end(),
      (each) => each.resetAndDestroy(),
    ]);
    // An error, such as that of a reset, is no failure here.
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const timer = setTimeout(() => socket.destroy(), longestMs);
    socket.once('connect', () => socket.write(bytes.subarray(cut), () => (random.once(3) ? leave(socket) : undefined)));
    let reads = random.below(3);
    socket.on('data', () => (reads-- === 0 ? leave(socket) : undefined));
    await closed;
    clearTimeout(timer);
  }
});

function request(method: string, target: string, ...headers: string[]): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n');
}

function access({ id, access_token: token }: SandboxWithAccess): string {
  return `X-Superserve-Sandbox-Id: ${id}\r\nX-Access-Token: ${token}`;
}

const health = () => request('GET', '/health');
const withoutHost = () => 'GET /health HTTP/1.1\r\n\r\n';
const expectation = (sandbox: SandboxWithAccess) =>
  request('POST', '/exec', access(sandbox), 'Expect: nonsense', 'Content-Length: 0');

function handshake(sandbox: SandboxWithAccess, ...more: string[]): string {
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
  const protocol = 'Sec-WebSocket-Protocol: superserve.exec.v1';
  return request('GET', '/exec/connect', access(sandbox), ...upgrade, key, protocol, ...more);
}

function sayings({ apiKey }: StandinServer, sandbox: SandboxWithAccess): string[] {
  const key = `X-API-Key: ${apiKey}`;
  const own = access(sandbox);
  const json = 'Content-Type: application/json';
  const preview = `Host: 8000-${sandbox.id}.sandbox.localhost\r\n`;
  return [
    health(),
    withoutHost(),
    expectation(sandbox),
    handshake(sandbox),
    handshake(sandbox, 'Content-Length: 5') + 'hello',
    handshake(sandbox).replace('X-Access-Token', 'X-No-Token'),
    handshake(sandbox).replace('/exec/connect', '/'),
    handshake(sandbox).replace('Host: localhost\r\n', preview),
    request('GET', '/x').replace('Host: localhost\r\n', preview),
    request('GET', '/secrets', key),
    request('GET', '/requests/stream', key),
    request('GET', '/mcp', key, 'Accept: text/event-stream'),
    request('POST', '/exec', own, json, 'Expect: 100-continue', 'Content-Length: 18') + '{"command":"true"}',
    request('POST', '/exec', own, json, 'Transfer-Encoding: chunked') + '5\r\n{"com\r\n',
    request('POST', '/exec/stream', own, json, 'Content-Length: 18') + '{"command":"true"}',
    request('POST', '/files?path=/tmp/f', own, 'Content-Length: 100') + 'short',
    request('GET', '/files?path=/etc/passwd', own),
    request('HEAD', '/files?path=/etc/passwd', own),
    request('GET', '/files?path=/etc&format=zip', own),
    request('GET', `/sandboxes/${sandbox.id}/network?%ff`, key),
    request('GET', '/%E0%A4%A'),
    request('GET', '//..//..%2f'),
    request('GET', 'http://x/y'),
    request('CONNECT', 'localhost:1'),
    request('OPTIONS', '*'),
    request('TRACE', '/'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n',
    'GET / HTTP/1.0\r\n\r\n',
    '\x16\x03\x01\x00\x05hello',
    '\x00\xff\x0d\x0a\x0d\x0a',
  ];
}
