import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, test } from 'node:test';
import { llhttpExplanations } from './explanations-llhttp.ts';
import { nginxExplanations } from './explanations-nginx.ts';
import { judge } from './judge.ts';
import { judgeNginx } from './judge-nginx.ts';
import { startNginxReader } from './nginx-reader.ts';
import type { NginxReader } from './nginx-reader.ts';
import { host } from './tokens.ts';

/** One example of each explanation: what the other reader refuses and we pass on, in an otherwise ordinary connection. */
interface Example {
  name: string;
  side: 'request' | 'response';
  text: string;
  /** How many messages we pass on. */
  messages: number;
}

const after1 = `GET /next HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const chunked = (body: string) =>
  `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n${body}\r\n0\r\n\r\n${after1}`;

const forLlhttp: Example[] = [
  {
    name: 'a method that llhttp has no number for',
    side: 'request',
    text: `PURGE-ALL / HTTP/1.1\r\nHost: ${host}\r\n\r\n${after1}`,
    messages: 2,
  },
  {
    name: 'a target that is refused here for the host it names, where only the framing is read',
    side: 'request',
    text: `GET https://a.ex\`mple/ HTTP/1.1\r\nHost: ${host}\r\n\r\n${after1}`,
    messages: 2,
  },
  {
    name: 'a chunk extension that is not of the form that llhttp wants',
    side: 'request',
    text: chunked('3; a = b\r\nabc'),
    messages: 2,
  },
  {
    name: 'an interim response that says that the connection closes',
    side: 'response',
    text: 'HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na',
    messages: 2,
  },
  {
    name: 'Proxy-Connection taken for Connection',
    side: 'response',
    text: 'HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nContent-Length: 1\r\n\r\naHTTP/1.1 204 No Content\r\n\r\n',
    messages: 2,
  },
];

const lines = (...each: string[]) => `GET / HTTP/1.1\r\nHost: ${host}\r\n${each.join('\r\n')}\r\n\r\n${after1}`;

const forNginx: Omit<Example, 'side'>[] = [
  { name: 'a tab before a value', text: `GET / HTTP/1.1\r\nHost:\t${host}\r\n\r\n${after1}`, messages: 2 },
  {
    name: 'a method that is not of capital letters',
    text: `x-odd! / HTTP/1.1\r\nHost: ${host}\r\n\r\n${after1}`,
    messages: 2,
  },
  {
    name: 'a field twice that is not a list, but does not frame the message',
    text: lines('Authorization: Basic YTpi', 'Authorization: Basic Yzpk'),
    messages: 2,
  },
  { name: '"close" as a part of another connection option', text: lines('Connection: closed'), messages: 2 },
  {
    name: 'a path that nginx cannot map to its files: above the root, or with an escape that is none',
    text: `GET /../a%zz HTTP/1.1\r\nHost: ${host}\r\n\r\n${after1}`,
    messages: 2,
  },
];

let nginx: NginxReader;
before(async () => {
  nginx = await startNginxReader();
});
after(async () => nginx?.stop());

for (const { name, rfc } of llhttpExplanations) {
  test(`llhttp refuses and we pass on: ${name}. ${rfc}`, () => {
    const example = forLlhttp.find((each) => each.name === name);
    assert.ok(example !== undefined, 'there is an example');
    const { side, text, messages } = example;
    const judged = judge({ side, bytes: Buffer.from(text, 'latin1'), methods: [], cuts: [] });
    assert.equal(judged.disagreement, null);
    assert.deepEqual(new Set(judged.explained), new Set([name]));
    assert.equal(judged.ours.messages.filter(({ complete }) => complete).length, messages);
  });
}

for (const { name, rfc } of nginxExplanations) {
  test(`nginx refuses and we pass on: ${name}. ${rfc}`, async () => {
    const example = forNginx.find((each) => each.name === name);
    assert.ok(example !== undefined, 'there is an example');
    const fuzzed = { side: 'request', bytes: Buffer.from(example.text, 'latin1'), methods: [], cuts: [] } as const;
    assert.equal(judge(fuzzed).ours.messages.filter(({ complete }) => complete).length, example.messages);
    const { disagreement, explained } = await judgeNginx(nginx, fuzzed);
    assert.equal(disagreement, null);
    assert.deepEqual(explained, [name]);
  });
}
