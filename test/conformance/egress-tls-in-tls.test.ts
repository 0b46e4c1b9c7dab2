import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { readBytes, readHead } from '../support/http-bytes.ts';
import { workerPids } from '../support/processes.ts';
import { sized } from '../support/replies.ts';

const api = 'api.example.com';
/** STANDIN_TLS_IN_TLS_CONNECTIONS=10000 is the long run. */
const connections = Number(process.env['STANDIN_TLS_IN_TLS_CONNECTIONS'] ?? 200);
const atOnce = 10;
let rig: EgressRig;

before(async () => {
  rig = await startEgressRig({ names: [api] });
  rig.answer('/', () => sized(200, 'x'.repeat(randomInt(0, 40_000))));
});
after(() => rig?.stop());

/**
 * The stream beneath the inner TLS: the CONNECT goes out with its first bytes, what is written goes out in pieces of random
 * sizes, some at once and some a turn later, and the answer to the CONNECT is taken off what is read.
 */
class Tunnel extends Duplex {
  readonly #outer: TLSSocket;
  #head: string | null;
  #answer: Buffer | null = Buffer.alloc(0);

  constructor(outer: TLSSocket, head: string) {
    super();
    this.#outer = outer;
    this.#head = head;
    outer.on('data', (chunk: Buffer) => this.#read(chunk));
    outer.on('end', () => this.push(null));
    outer.on('error', (error) => this.destroy(error));
    outer.on('close', () => this.destroy());
  }

  #read(chunk: Buffer): void {
    if (this.#answer === null) {
      this.push(chunk);
      return;
    }
    this.#answer = Buffer.concat([this.#answer, chunk]);
    const end = this.#answer.indexOf('\r\n\r\n');
    if (end === -1) return;
    const rest = this.#answer.subarray(end + 4);
    this.#answer = null;
    if (rest.length > 0) this.push(rest);
  }

  override _read(): void {
    this.#outer.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const bytes = this.#head === null ? chunk : Buffer.concat([Buffer.from(this.#head), chunk]);
    this.#head = null;
    void this.#send(bytes).then(done);
  }

  async #send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const length = randomInt(0, 4) === 0 ? bytes.length : randomInt(1, 600);
      this.#outer.write(bytes.subarray(at, at + length));
      at += length;
      if (randomInt(0, 2) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#outer.destroy();
    done(error);
  }
}

/** One connection to the proxy over TLS, TLS inside it, a request or two, and one of several ways to end. */
async function useOnce(sandbox: RigSandbox): Promise<void> {
  const outer = connectTls({ port: rig.server.proxyPort, host: '127.0.0.1', servername: 'localhost', ca: sandbox.ca });
  outer.on('error', () => undefined);
  await once(outer, 'secureConnect');
  const head = `CONNECT ${api}:443 HTTP/1.1\r\nHost: ${api}:443\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`;
  const inner = connectTls({ socket: new Tunnel(outer, head), servername: api, ca: sandbox.ca });
  inner.on('error', () => undefined);
  if (randomInt(0, 10) === 0) {
    // In the middle of the handshake.
    await new Promise((resolve) => setImmediate(resolve));
    outer.destroy();
    return;
  }
  await once(inner, 'secureConnect');
  const reader = readBytes(inner);
  for (let count = randomInt(1, 3); count > 0; count--) {
    inner.write(`GET / HTTP/1.1\r\nHost: ${api}\r\nX-Filler: ${'f'.repeat(randomInt(0, 20_000))}\r\n\r\n`);
    if (randomInt(0, 10) === 0) break;
    const answer = await readHead(reader);
    assert.match(answer.startLine, / 200 /);
    const [, length] = answer.headers.find(([name]) => name === 'Content-Length') ?? [];
    await reader.exactly(Number(length));
  }
  if (randomInt(0, 2) === 0) inner.end();
  outer.destroySoon();
}

test(`TLS inside TLS to the proxy, in pieces of any size, does not end a worker: ${connections} connections`, async () => {
  const sandbox = await rig.sandbox();
  const pids = workerPids(rig.server.program.pid);
  let left = connections;
  const runners = Array.from({ length: atOnce }, async () => {
    while (left > 0) {
      left -= 1;
      await useOnce(sandbox);
    }
  });
  await Promise.all(runners);
  assert.deepEqual(workerPids(rig.server.program.pid), pids);
});
