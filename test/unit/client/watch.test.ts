import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AuthenticationError, ConnectionError, Requests } from '../../../src/client/library.ts';

const row = (id: number) => ({
  id,
  kind: 'request',
  ts: '2026-01-02T03:04:05.000Z',
  sandbox_id: '00000000-0000-4000-8000-000000000000',
  sandbox_name: null,
  secret_id: null,
  secret_name: null,
  method: 'GET',
  host: 'api.example.com',
  path: '/',
  status: 200,
  upstream_status: 200,
  latency_ms: 1,
  error_code: null,
  verdict: 'allowed',
});
const ready = (id: number) => `event: ready\ndata: {"last_id": ${id}}\n\n`;
const request = (id: number) => `event: request\nid: ${id}\ndata: ${JSON.stringify(row(id))}\n\n`;

/** Answers each connection by the next of `scripts`, and keeps the `Last-Event-ID` that each brought. */
async function scripted(t: TestContext, ...scripts: ((response: ServerResponse) => void)[]) {
  const resumed: (string | undefined)[] = [];
  const server = createServer((incoming, response) => {
    const script = scripts[resumed.push(incoming.headers['last-event-id']?.toString()) - 1];
    if (script === undefined) {
      response.destroy();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    script(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { resumed, options: { baseUrl: `http://127.0.0.1:${address.port}`, apiKey: 'key', retries: 0 } };
}

const breakAfter = (text: string) => (response: ServerResponse) => {
  response.write(text, () => response.destroy());
};

test('a watch goes on from the last request, wherever its connection broke', async (t) => {
  const { resumed, options } = await scripted(
    t,
    breakAfter(ready(4)),
    breakAfter(`${ready(4)}: keepalive\n\n${request(5)}`),
    (response) => response.end(`${ready(5)}${request(6)}event: end\ndata: {"code":"stopping","message":"x"}\n\n`),
    (response) => void response.write(`${ready(6)}${request(9)}`),
  );
  const seen: number[] = [];
  for await (const { id } of Requests.watch(options)) {
    seen.push(id);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [5, 6, 9]);
  assert.deepEqual(resumed, [undefined, '4', '5', '6']);
});

test('a watch ends where the key is no longer taken, where nobody answers for long, and by its signal', async (t) => {
  const next = (options: Parameters<typeof Requests.watch>[0]) => Requests.watch(options).next();
  const revoked = await scripted(t, (response) =>
    response.end(`${ready(1)}event: end\ndata: {"code":"unauthorized","message":"the key was revoked"}\n\n`),
  );
  await assert.rejects(next(revoked.options), AuthenticationError);
  const gone = await scripted(t);
  await assert.rejects(next(gone.options), ConnectionError);
  assert.equal(gone.resumed.length, 6);
  const silent = await scripted(t, (response) => void response.write(ready(1)));
  const reason = new Error('enough');
  const controller = new AbortController();
  const waiting = next({ ...silent.options, signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await assert.rejects(waiting, (error) => error === reason);
});
