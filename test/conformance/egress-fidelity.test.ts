import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import type { RawConnection } from '../support/proxy-client.ts';

/**
 * Threat row 22: what the rule does not own arrives unchanged. Random messages go through the real proxy both ways and
 * are compared to the byte with what was sent.
 */
const host = 'api.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
let connection: RawConnection;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
  connection = await sandbox.connect(host);
});
after(async () => {
  connection?.close();
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
    .tuple(
      fc.constantFrom(200, 201, 206, 301, 400, 404, 418, 500, 599, 999),
      text(`${letters} \u00e9`, { maxLength: 20 }),
    )
    .map(([status, reason]) => `HTTP/1.1 ${status} ${reason}`),
  lines: headerLines,
  body,
});

/** The bytes of a message, its own lines around those that it needs. */
function write({ startLine, lines, body: { framing } }: Message, ...needed: string[]): string {
  const half = Math.floor(lines.length / 2);
  return [startLine + crlf, ...lines.slice(0, half), ...needed, framing, ...lines.slice(half), crlf].join('');
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
    const needed = (credential: string) => [
      `Host: ${host}${crlf}`,
      ...(withCredential ? [`Authorization: Bearer ${credential}${crlf}`] : []),
    ];
    credentials += Number(withCredential);
    connection.send(write(asked, ...needed(sandbox.standIn('KEY'))) + asked.body.raw);
    const head = await connection.reader.until('\r\n\r\n');
    assert.equal(head.toString('latin1'), write(answered));
    assert.equal((await connection.reader.exactly(answered.body.raw.length)).toString('latin1'), answered.body.raw);
    const received = rig.upstream.requests.at(-1);
    assert.equal(received?.head.bytes.toString('latin1'), write(asked, ...needed(value)));
    assert.equal((await received.body).raw.toString('latin1'), asked.body.raw);
    assert.equal(connection.reader.rest().length, 0);
  });
  await fc.assert(exchange, { numRuns: 200 });
  assert.ok(credentials > 50);
});
