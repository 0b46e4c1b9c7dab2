import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { readBody, readBytes, readHead } from '../support/http-bytes.ts';
import type { RawConnection } from '../support/proxy-client.ts';

/**
 * Threat row 22: what the rule does not own arrives unchanged. Random messages go through the real proxy both ways and
 * are compared to the byte with what was sent.
 */
const host = 'api.example.com';
/** No secret is for it, so that nothing is looked for in its answers. */
const unbound = 'plain.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let connections: Record<string, RawConnection>;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host, unbound] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
  connections = { [host]: await sandbox.connect(host), [unbound]: await sandbox.connect(unbound) };
});
after(async () => {
  for (const connection of Object.values(connections ?? {})) connection.close();
  await rig?.stop();
});

const crlf = '\r\n';
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const text = (characters: string, size: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(...characters.split('')), ...size });

/** Names that the proxy has nothing to say about: all begin with `x`, in any case and with any token character. */
const headerName = fc
  .tuple(fc.constantFrom('x', 'X'), text(`${letters}!#$%&'*+-.^_\`|~`, { maxLength: 20 }))
  .map((parts) => parts.join(''));
const blanks = fc.constantFrom('', ' ', '  ', '\t', ' \t ');
/** Visible characters, blanks between them, and bytes above ASCII (RFC 9110 section 5.5). */
const headerValue = text(`${letters}"'(),/:;<=>?@[\\]{}%&*#! \t\u00a0\u00e9\u00ff`, { maxLength: 60 }).map((each) =>
  each.replaceAll(/^[ \t]+|[ \t]+$/g, ''),
);
const headerLine = fc
  .tuple(headerName, blanks, headerValue, blanks)
  .map(([name, ...valueAndBlanks]) => `${name}:${valueAndBlanks.join('')}${crlf}`);
const headerLines = fc.array(headerLine, { maxLength: 8 });

const content = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const chunk = fc
  .tuple(
    content.filter((each) => each !== ''),
    fc.boolean(),
    fc.constantFrom('', '0', '00'),
    fc.constantFrom('', ';a', ';a=b', '; a="b c"'),
  )
  .map(([data, upper, zeros, extension]) => {
    const size = data.length.toString(16);
    return `${zeros}${upper ? size.toUpperCase() : size}${extension}${crlf}${data}${crlf}`;
  });
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), fc.constantFrom('0', '000', '0;last'), headerLines)
  .map(([each, last, trailers]) => `${each.join('')}${last}${crlf}${trailers.join('')}${crlf}`);

/** A framing line and the bytes that it announces. */
const body = fc.oneof(
  content.map((each) => ({ framing: `Content-Length: ${each.length}${crlf}`, raw: each })),
  content.map((each) => ({ framing: `content-length:${each.length}${crlf}`, raw: each })),
  chunks.map((raw) => ({ framing: `Transfer-Encoding: chunked${crlf}`, raw })),
  chunks.map((raw) => ({ framing: `transfer-encoding:  Chunked ${crlf}`, raw })),
);

const path = text(`${letters}/.;:@!$&'()*+,=-_~?%|^"<>{}`, { maxLength: 60 }).map((each) => `/${each}`);

interface Message {
  startLine: string;
  lines: string[];
  body: { framing: string; raw: string };
}

const request: fc.Arbitrary<Message> = fc.record({
  startLine: fc
    .tuple(fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'x-Odd!'), path)
    .map(([method, target]) => `${method} ${target} HTTP/1.1`),
  lines: headerLines,
  body: fc.oneof(body, fc.constant({ framing: '', raw: '' })),
});
const response: fc.Arbitrary<Message> = fc.record({
  startLine: fc
    .tuple(fc.constantFrom(200, 201, 301, 400, 404, 418, 500, 599, 999), text(`${letters} \u00e9`, { maxLength: 20 }))
    .map(([status, reason]) => `HTTP/1.1 ${status} ${reason}`),
  lines: headerLines,
  body,
});

/** The bytes of a message, its own lines around those that it needs. */
function write({ startLine, lines, body: { framing } }: Message, ...needed: string[]): string {
  const half = Math.floor(lines.length / 2);
  return [startLine + crlf, ...lines.slice(0, half), ...needed, framing, ...lines.slice(half), crlf].join('');
}

/** What the head and the body of an answer are to be, once the content has been read. */
async function assertAnswered(connection: RawConnection, answered: Message, name: string): Promise<void> {
  const { reader } = connection;
  if (name === unbound) {
    assert.equal((await reader.until('\r\n\r\n')).toString('latin1'), write(answered));
    assert.equal((await reader.exactly(answered.body.raw.length)).toString('latin1'), answered.body.raw);
    return;
  }
  // How content is cut into chunks is between neighbours (RFC 9112 section 7.1): what is searched is cut anew.
  const sent = readBytes(Readable.from([Buffer.from(write(answered) + answered.body.raw, 'latin1')]));
  const [head, wanted] = [await readHead(reader), await readHead(sent)];
  assert.equal(head.bytes.toString('latin1'), wanted.bytes.toString('latin1'));
  const [body, wantedBody] = [await readBody(reader, head, 'none'), await readBody(sent, wanted, 'none')];
  assert.ok(body.content.equals(wantedBody.content));
  assert.deepEqual(body.trailers, wantedBody.trailers);
}

test('random requests and responses arrive to the byte, with and without a credential', async () => {
  let credentials = 0;
  const exchange = fc.asyncProperty(request, response, fc.boolean(), async (asked, answered, withCredential) => {
    const answer = write(answered) + answered.body.raw;
    const target = asked.startLine.split(' ')[1] ?? '';
    rig.answer(target.split('?', 1)[0] ?? '', (seen) => ({
      bytes: (async function* reply() {
        await seen.body;
        yield Buffer.from(answer, 'latin1');
      })(),
    }));
    const name = withCredential ? host : unbound;
    const connection = connections[name];
    assert.ok(connection !== undefined);
    const needed = (credential: string) => [
      `Host: ${name}${crlf}`,
      ...(withCredential ? [`Authorization: Bearer ${credential}${crlf}`] : []),
    ];
    credentials += Number(withCredential);
    connection.send(write(asked, ...needed(sandbox.standIn('KEY'))) + asked.body.raw);
    await assertAnswered(connection, answered, name);
    const received = rig.upstream.requests.at(-1);
    assert.equal(received?.head.bytes.toString('latin1'), write(asked, ...needed(value)));
    assert.equal((await received.body).raw.toString('latin1'), asked.body.raw);
    assert.equal(connection.reader.rest().length, 0);
  });
  await fc.assert(exchange, { numRuns: 1000 });
  assert.ok(credentials > 250);
});
