import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, createServer } from 'node:tls';
import type { Server } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { frameType } from '../../src/egress/wire/http2/protocol.ts';
import { Random } from '../fuzz/random.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { freePorts } from '../support/ports.ts';
import { workerPids } from '../support/processes.ts';
import { opening as http2Opening, block, frame } from '../unit/egress/http2/frames.ts';
import { requests, requestFields, responseFields, responses, waysIn } from './broken-messages.ts';

/**
 * Whole exchanges that go wrong on both sides of the proxy: what is said in any order, cut anywhere, left at any time, before
 * upstreams that do the same. None of it ends a worker, in which other sandboxes have their connections too.
 */

const connections = 6000;
const atOnce = 24;
/** A client that has not left by then does. */
const longestMs = 60;
const [tame, wild, wildHttp2] = ['tame.test', 'wild.test', 'wild-http2.test'];
const hosts = [tame, wild, wildHttp2];

describe('exchanges that go wrong on both sides', () => {
  let rig: EgressRig;
  let upstreams: Server[] = [];
  let sandbox: RigSandbox;
  let met = 0;
  const open = new Set<Socket>();

  before(async () => {
    const [port = 0, http2Port = 0] = await freePorts(2);
    const also = { [`${wild}:443`]: port, [`${wildHttp2}:443`]: http2Port };
    rig = await startEgressRig({ names: [tame], also, server: { env: { STANDIN_EGRESS_WORKERS: '1' } } });
    const { certPem: cert, keyPem: key } = rig.authority.issue([wild, wildHttp2]);
    upstreams = [
      createServer({ cert, key }, (socket) => misbehaveAsUpstream(socket, 'http/1.1')).listen(port, '127.0.0.1'),
      createServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => misbehaveAsUpstream(socket, 'h2')).listen(
        http2Port,
        '127.0.0.1',
      ),
    ];
    await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts });
    sandbox = await rig.sandbox({ KEY: 'key' });
  });
  after(async () => {
    // Who half-closed its connection may still be waiting for what they never answer.
    for (const socket of open) socket.destroy();
    for (const upstream of upstreams) upstream.close();
    await rig.stop();
  });

  it(`${connections} of them at random leave the worker up, and it swaps as before`, async () => {
    const workers = workerPids(rig.server.program.pid);
    assert.equal(workers.length, 1);
    let next = 0;
    const lane = async () => {
      for (let index = next++; index < connections; index = next++) await misbehave(new Random(1, index));
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    assert.deepEqual(workerPids(rig.server.program.pid), workers, rig.server.program.stderr().slice(-3000));
    assert.ok(met > 100 && rig.requestsFor('/').length > 50, 'they got as far as the upstreams');

    const connection = await sandbox.connect(tame);
    connection.send(`GET /last HTTP/1.1\r\nHost: ${tame}\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n\r\n`);
    assert.equal((await connection.response()).status, 200);
    connection.close();
    assert.equal(rig.requestsFor('/last').length, 1);
    assert.ok(!rig.upstream.receivedText().includes(sandbox.standIn('KEY')));
  });

  function misbehaveAsUpstream(socket: Socket, protocol: 'http/1.1' | 'h2'): void {
    const random = new Random(2, (met += 1));
    open.add(socket.on('error', () => undefined));
    if (protocol === 'h2') socket.write(frame(frameType.settings, 0, {}));
    socket.on('data', () => {
      if (protocol === 'h2') socket.write(frames(random, () => responseFields(random)));
      else socket.write(Buffer.from(random.pick(responses) + (random.once(3) ? random.pick(responses) : ''), 'latin1'));
      if (random.once(3)) leave(socket, random);
    });
  }

  async function misbehave(random: Random): Promise<void> {
    const host = random.pick(hosts);
    const { port, authorization = '' } = sandbox.access;
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const timer = setTimeout(() => socket.destroy(), longestMs);
    const about = { host, authorization, standIn: sandbox.standIn('KEY') };
    const connect = `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\nProxy-Authorization: ${authorization}\r\n\r\n`;
    if (random.once(6)) {
      const some = several(random, () => random.pick([connect, requests(random, about), ...waysIn]));
      talk(socket, { bytes: Buffer.from(some, 'latin1'), random });
    } else {
      socket.write(connect);
      socket.once('data', () => {
        if (random.once(6)) talk(socket, { bytes: Buffer.concat([clientHelloStart, noise(random, 60)]), random });
        else talkWithin(socket, random, about);
      });
    }
    await closed;
    clearTimeout(timer);
  }

  function talkWithin(socket: Socket, random: Random, about: Parameters<typeof requests>[1]): void {
    const http2 = random.once(2);
    const tls = connectTls({
      socket,
      ca: sandbox.ca,
      servername: about.host,
      ALPNProtocols: [http2 ? 'h2' : 'http/1.1'],
    });
    tls.on('error', () => undefined);
    const bytes = http2
      ? Buffer.concat([http2Opening, frames(random, () => requestFields(random, about))])
      : Buffer.from(
          several(random, () => requests(random, about)),
          'latin1',
        );
    tls.once('secureConnect', () => talk(tls, { bytes, random }));
  }
});

const clientHelloStart = Buffer.from([0x16, 3, 1]);

/** Sends it in two pieces, and leaves between them, or after some of what comes back, or not. */
function talk(socket: Socket, { bytes, random }: { bytes: Buffer; random: Random }): void {
  const cut = random.below(bytes.length + 1);
  const leavesEarly = random.once(6);
  socket.write(bytes.subarray(0, cut), () => (leavesEarly ? leave(socket, random) : socket.write(bytes.subarray(cut))));
  let reads = random.below(4);
  socket.on('data', () => (reads-- === 0 ? leave(socket, random) : undefined));
}

function leave(socket: Socket, random: Random): void {
  if (random.once(2)) socket.end();
  else socket.destroy();
}

function several(random: Random, one: () => string): string {
  return Array.from({ length: 1 + random.below(4) }, one).join('');
}

function noise(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length: random.below(length) }, () => random.below(256)));
}

const lengths = new Map<number, number>([
  [frameType.resetStream, 4],
  [frameType.ping, 8],
  [frameType.goaway, 8],
  [frameType.windowUpdate, 4],
]);

/** Frames that are right by themselves, for the most part, in an order that is not. */
function frames(random: Random, fields: () => [string, string][]): Buffer {
  const one = () => {
    const id = random.pick([0, 1, 1, 1, 3, 3, 5, 2, 0x7fffffff]);
    if (random.once(2)) {
      return frame(frameType.headers, random.pick([0, 1, 4, 4, 5, 5, 0x24, 0x2c]), { id, payload: block(fields()) });
    }
    const type = random.once(12) ? random.below(256) : random.below(10);
    const length = lengths.get(type) ?? 0;
    const payload = length === 0 || random.once(6) ? noise(random, 50) : Buffer.alloc(length, random.below(3));
    return frame(type, random.once(3) ? random.below(16) : 0, { id, payload });
  };
  return Buffer.concat(Array.from({ length: 1 + random.below(12) }, one));
}
