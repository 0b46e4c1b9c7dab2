import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';

/**
 * Threat row 22: what the rule does not own arrives unchanged, each kind by itself; `egress-fidelity` sends 1,000 random
 * ones. `S` stands for the credential: the stand-in on its way in, the value on its way out.
 */
const host = 'api.example.com';
/** No secret is for it: its answers pass as the bytes that they are. */
const unbound = 'plain.example.com';

/** What does not arrive would be waited for. */
const timeout = 15_000;

interface Exchange {
  what: string;
  request: string[];
  body?: string;
  /** Interim heads, the head and the content. */
  answer: string;
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const get = (target: string, ...lines: string[]) => [`GET ${target} HTTP/1.1`, ...lines];

const exchanges: Exchange[] = [
  { what: 'the order of a query, and its empty and repeated parts', request: get('/a?b=2&a=1&&b=1&c&=d&'), answer: ok },
  { what: 'escapes in either case, and what is none', request: get('/%7Ea/%2F%2f/%zz%?q=%20+%C3%a9'), answer: ok },
  { what: 'a path that could be tidied', request: get('//a/./b/../c/;d=e'), answer: ok },
  { what: 'characters that a URL parser would escape', request: get('/a|b{c}"^`<>\\?[d]'), answer: ok },
  {
    what: 'case, order, blanks and bytes of header lines',
    request: get('/', 'zZ: 1', 'X-b:2', 'x-B:\t 3 \t', 'A-c: \xe4\xff "q" (c)', 'x_under: 4', "x!#$%&'*+.^`|~: 5"),
    answer: 'HTTP/1.1 200 OK\r\nzZ: 1\r\nX-b:2\r\nx-B:\t 3 \t\r\nA: \xe4\xff\r\nx_u: 4\r\nContent-LENGTH:2\r\n\r\nok',
  },
  {
    what: 'the same header several times, and empty ones',
    request: get('/', 'Cookie: a=b', 'X: 1', 'cookie: c=d', 'X:', 'X: 1', 'Accept:'),
    answer:
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: a=b\r\nset-cookie:\r\nVary:\r\nContent-Length: 0\r\n\r\n',
  },
  { what: 'a method that is in no list', request: ['x-Odd! / HTTP/1.1'], answer: ok },
  { what: 'a request whose body is empty', request: ['POST / HTTP/1.1', 'Content-Length: 0'], answer: ok },
  {
    what: 'chunks as they were cut, their extensions and trailers',
    request: ['POST / HTTP/1.1', 'transfer-encoding: Chunked'],
    body: '003;a="b"\r\nabc\r\nA\r\n0123456789\r\n00;last\r\nX-Sum: 1\r\nx-sum:\r\n\r\n',
    answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n01;a\r\na\r\n000\r\nX-Sum:  2\r\nX-Sum: 3\r\n\r\n',
  },
  {
    what: 'a status without a reason, and one that nobody knows',
    request: get('/'),
    answer: ok.replace('200 OK', '999'),
  },
  {
    what: 'interim answers, one after the other',
    request: get('/'),
    answer: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\nHTTP/1.1 102 \r\n\r\n${ok}`,
  },
  {
    what: 'an expectation in any case, and 100 Continue',
    request: ['PUT / HTTP/1.1', 'eXpect: 100-Continue', 'Content-Length: 3'],
    body: 'abc',
    answer: `HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n${ok}`,
  },
  {
    what: 'the length that an answer to HEAD would have',
    request: ['HEAD / HTTP/1.1'],
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n',
  },
  {
    what: 'the chunks that an answer to HEAD would have',
    request: ['HEAD / HTTP/1.1'],
    answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  },
  { what: '204', request: ['DELETE /a HTTP/1.1'], answer: 'HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n' },
  {
    what: '304 with the length of what it stands for',
    request: get('/', 'If-None-Match: "a"'),
    answer: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n',
  },
];

let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;
before(async () => {
  rig = await startEgressRig({ names: [host, unbound] });
  value = await rig.secret({ name: 'key', auth: { type: 'api-key', header: 'X-Key' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => rig?.stop());

for (const { what, request, body = '', answer } of exchanges) {
  test(`unchanged: ${what}`, { timeout }, async () => {
    const [startLine = '', ...lines] = request;
    const target = startLine.split(' ')[1] ?? '';
    rig.answer(target.split('?', 1)[0] ?? '', (seen) => ({
      bytes: (async function* reply() {
        await seen.body;
        yield Buffer.from(answer, 'latin1');
      })(),
    }));
    for (const name of [unbound, host]) {
      const head = (credential: string) =>
        [startLine, `Host: ${name}`, ...lines, ...(name === host ? [`x-kEY:  ${credential}`] : []), '', ''].join(
          '\r\n',
        );
      const connection = await sandbox.connect(name);
      connection.send(head(sandbox.standIn('KEY')) + body);
      if (name === unbound) {
        assert.equal((await connection.reader.exactly(answer.length)).toString('latin1'), answer);
      } else {
        // Where values are searched for, chunks may be cut anew; the heads are the same.
        const heads = answer.slice(0, answer.indexOf('\r\n\r\n', answer.lastIndexOf('HTTP/1.1 ')) + 4);
        assert.equal((await connection.reader.exactly(heads.length)).toString('latin1'), heads);
      }
      const received = rig.upstream.requests.at(-1);
      const isOwned = name === host ? head(value).replace(/x-kEY: {2}/, 'X-Key: ') : head(value);
      assert.equal(received?.head.bytes.toString('latin1'), isOwned);
      assert.equal((await received.body).raw.toString('latin1'), body);
      connection.close();
    }
  });
}
