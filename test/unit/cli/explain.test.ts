import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { listenOnLoopback } from '../../support/ports.ts';
import { printed } from './tree.ts';

/** Clears the screen, moves the cursor, turns the text, starts a line; by both kinds of control characters. */
const hostile = '\u001b[2J\u009b31m\u202e\rforged\nforged';

const row = {
  id: 7,
  ts: '2026-12-01T00:00:00.000Z',
  kind: 'request',
  sandbox_id: '00000000-0000-4000-8000-000000000000',
  sandbox_name: null,
  secret_id: null,
  secret_name: null,
  verdict: 'blocked',
  upstream_status: null,
  latency_ms: null,
  error_code: null,
  method: 'GET',
  host: 'api.example.com',
  path: `/${hostile}`,
  status: 403,
};
const explained = {
  request: row,
  detail: 'full',
  text: [hostile],
  stand_ins: [],
  network: null,
  connection: null,
  steps: [],
  scrubbed: [],
  refused: null,
};
const tested = { works: 'unknown', status: 200, latency_ms: 1, method: 'GET', host: hostile, path: hostile };
const judged = {
  outcome: 'refused',
  host: 'x',
  stand_ins: [],
  would_send: [hostile],
  refused: { code: 'x', cause: hostile, cure: hostile },
  explanation: hostile,
};

describe('what explains', () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answers: [end: string, answer: unknown][] = [
      ['/requests', { data: [row], next_cursor: null, has_more: false }],
      ['/requests/7/explain', explained],
      ['/secrets/x/test', { ...tested, explanation: hostile }],
      ['/secrets/x/explain', judged],
    ];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answers.find(([end]) => path === end)?.[1] ?? {}));
  });
  let env: Record<string, string>;
  before(async () => {
    env = { STANDIN_URL: `http://127.0.0.1:${await listenOnLoopback(server)}`, STANDIN_API_KEY: 'sk_standin_x' };
  });
  after(() => server.close());

  for (const words of [
    ['explain', '7'],
    ['secret', 'test', 'x'],
    ['secret', 'test', 'x', '--dry', '--url', 'https://api.example.com/'],
  ]) {
    test(`standin ${words.join(' ')} lets no text of a sandbox or an upstream move the terminal`, async () => {
      const { stdout, stderr } = await printed(words, { env });
      assert.match(stdout, /forged/, stderr);
      assert.doesNotMatch(`${stdout}${stderr}`.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
      assert.doesNotMatch(`${stdout}${stderr}`, /^forged/m);
    });
  }

  test('explain without an id is about the newest request, or the newest that was refused', async () => {
    asked.length = 0;
    assert.equal((await printed(['explain'], { env })).code, 0);
    assert.equal((await printed(['explain', '--refused'], { env })).code, 0);
    assert.deepEqual(asked, [
      '/requests?limit=1&kind=request',
      '/requests/7/explain',
      '/requests?limit=1&kind=request&verdict=blocked',
      '/requests/7/explain',
    ]);
    const both = await printed(['explain', '7', '--refused'], { env });
    assert.equal(both.code, 2);
  });
});
