import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { readBody, readBytes, readHead } from '../support/http-bytes.ts';
import type { RawConnection } from '../support/proxy-client.ts';
import { randomRequest, randomResponse, writeHead } from '../support/random-messages.ts';
import type { RandomRequest, RandomResponse } from '../support/random-messages.ts';

/**
 * Threat row 22: what the rule does not own arrives unchanged. Random messages go through the real proxy both ways and
 * are compared to the byte with what was sent.
 */
const host = 'api.example.com';
/** No secret is for it, so that nothing is looked for in its answers. */
const unbound = 'plain.example.com';
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';
const closeLine = 'Connection: close\r\n';
const chunkedLine = 'Transfer-Encoding: chunked\r\n';
let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;
const connections: Record<string, RawConnection> = {};

before(async () => {
  rig = await startEgressRig({ names: [host, unbound] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  for (const connection of Object.values(connections)) connection.close();
  await rig?.stop();
});

/** The client's own connection to a host, as long as it lasts. */
async function connectionTo(name: string): Promise<RawConnection> {
  const connection = connections[name] ?? (await sandbox.connect(name));
  connections[name] = connection;
  return connection;
}

/** The upstream's part: 100 Continue where the client waits for it, then all of the answer. */
function prepare({ target, waits }: RandomRequest, answered: RandomResponse): void {
  const { interims, startLine, body, closes } = answered;
  const answer = interims.join('') + writeHead(startLine, answered) + body.raw;
  rig.answer(target.split('?', 1)[0] ?? '', (seen) => ({
    bytes: (async function* reply() {
      if (waits) yield goOn;
      await seen.body;
      yield Buffer.from(answer, 'latin1');
    })(),
    ...(closes ? { close: 'end' } : {}),
  }));
}

/** What the client gets is what the upstream sent. */
async function assertAnswered({ reader }: RawConnection, answered: RandomResponse, isSearched: boolean): Promise<void> {
  const { interims, startLine, body, closes } = answered;
  for (const each of interims) assert.equal((await reader.until('\r\n\r\n')).toString('latin1'), each);
  const head = await readHead(reader);
  const text = head.bytes.toString('latin1');
  // The client's connection is another than the upstream's: who ends it says so.
  const wanted = writeHead(startLine, answered).replace(/\r\n$/, closes ? `${closeLine}\r\n` : '\r\n');
  if (!isSearched) {
    assert.equal(text, wanted);
    const raw = closes ? await reader.toEnd() : await reader.exactly(body.raw.length);
    assert.equal(raw.toString('latin1'), body.raw);
    return;
  }
  // How content is framed and cut into chunks is between neighbours (RFC 9112 section 7.1): what is searched is cut anew.
  const framed = closes && text.includes(chunkedLine) ? wanted.replace(closeLine, chunkedLine + closeLine) : wanted;
  assert.equal(text, framed);
  if (body.raw === '' && !closes) return;
  const sent = readBytes(Readable.from([Buffer.from(writeHead(startLine, answered) + body.raw, 'latin1')]));
  const wantedBody = await readBody(sent, await readHead(sent), 'to-end');
  const read = await readBody(reader, head, 'to-end');
  assert.ok(read.content.equals(wantedBody.content));
  assert.deepEqual(read.trailers, wantedBody.trailers);
}

const exchanges = randomRequest.chain((asked) =>
  fc.tuple(fc.constant(asked), randomResponse(asked.method), fc.boolean()),
);

test('1,000 random requests and responses arrive to the byte, with and without a credential', async () => {
  const seen = { credentials: 0, waits: 0, closes: 0, interims: 0, trailers: 0, heads: 0 };
  const exchange = fc.asyncProperty(exchanges, async ([asked, answered, withCredential]) => {
    const name = withCredential ? host : unbound;
    const connection = await connectionTo(name);
    prepare(asked, answered);
    const head = (credential: string) =>
      writeHead(`${asked.method} ${asked.target} HTTP/1.1`, asked, [
        `Host: ${name}\r\n`,
        ...(asked.waits ? ['eXpect: 100-continue\r\n'] : []),
        ...(withCredential ? [`Authorization: Bearer ${credential}\r\n`] : []),
      ]);
    connection.send(head(sandbox.standIn('KEY')) + (asked.waits ? '' : asked.body.raw));
    if (asked.waits) {
      assert.equal((await connection.reader.until('\r\n\r\n')).toString('latin1'), goOn);
      connection.send(asked.body.raw);
    }
    await assertAnswered(connection, answered, withCredential);
    const received = rig.upstream.requests.at(-1);
    assert.equal(received?.head.bytes.toString('latin1'), head(value));
    assert.equal((await received.body).raw.toString('latin1'), asked.body.raw);
    if (answered.closes) {
      await connection.reader.closed;
      Reflect.deleteProperty(connections, name);
    }
    assert.equal(connection.reader.rest().length, 0);
    seen.credentials += Number(withCredential);
    seen.waits += Number(asked.waits);
    seen.closes += Number(answered.closes);
    seen.interims += answered.interims.length;
    seen.trailers += Number(/\r\n0[^\r]*\r\nx/i.test(answered.body.raw));
    seen.heads += Number(asked.method === 'HEAD');
  });
  await fc.assert(exchange, { numRuns: 1000 });
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 20, `${what}: ${times}`);
});
