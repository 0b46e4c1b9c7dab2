import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import {
  ConflictError,
  ConnectionError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  Sandbox,
  SandboxError,
  Secret,
  StandinError,
  TimeoutError,
  UnavailableError,
} from '../../../src/client/library.ts';
import { apiError } from '../../../src/client/errors.ts';
import { createSend } from '../../../src/client/send.ts';
import { freePorts } from '../../support/ports.ts';

const refusal = (code: string) => JSON.stringify({ error: { code, message: 'as the server says' } });

/** A server that answers each request by the next of `answers`, the last one for all that follow. */
async function answering(t: TestContext, ...answers: RequestListener[]) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      const answer = answers[Math.min(seen.push(`${request.method} ${request.url}`), answers.length) - 1];
      answer?.(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { seen, options: { baseUrl: `http://127.0.0.1:${address.port}`, apiKey: 'key' } };
}

const broken: RequestListener = (request) => request.socket.destroy();
const empty: RequestListener = (_request, response) => response.end('[]');
const refuse =
  (status: number, code: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(refusal(code));
const silent: RequestListener = () => undefined;

test('what is idempotent is asked again after a broken connection and a bad gateway', async (t) => {
  const { seen, options } = await answering(t, broken, refuse(502, 'internal'), empty);
  assert.deepEqual(await Secret.list(options), []);
  assert.equal(seen.length, 3);
  const bounded = await answering(t, broken);
  await assert.rejects(Secret.list(bounded.options), ConnectionError);
  assert.equal(bounded.seen.length, 3);
  const off = await answering(t, broken);
  await assert.rejects(Secret.list({ ...off.options, retries: 0 }), ConnectionError);
  assert.equal(off.seen.length, 1);
});

test('what might have been done is not asked again', async (t) => {
  for (const answer of [broken, refuse(502, 'internal'), refuse(503, 'unavailable'), refuse(500, 'internal')]) {
    const { seen, options } = await answering(t, answer);
    await assert.rejects(Sandbox.create({ ...options, name: 'x' }), StandinError);
    await assert.rejects(Sandbox.updateById('id', { metadata: {} }, options), StandinError);
    assert.deepEqual(seen, ['POST /sandboxes', 'PATCH /sandboxes/id']);
  }
});

test('what the server refused with 429 or 503 and a time is asked again then, whatever it is', async (t) => {
  for (const [status, code] of [
    [429, 'rate_limited'],
    [503, 'unavailable'],
  ] as const) {
    const { seen, options } = await answering(t, refuse(status, code, { 'retry-after': '0' }), refuse(409, 'conflict'));
    await assert.rejects(Sandbox.create({ ...options, name: 'x' }), ConflictError);
    assert.equal(seen.length, 2);
  }
  // Longer than anybody wants to wait: the caller decides.
  const { seen, options } = await answering(t, refuse(429, 'rate_limited', { 'retry-after': '3600' }));
  await assert.rejects(Secret.list(options), (error) => error instanceof RateLimitError && error.retryAfter === 3600);
  assert.equal(seen.length, 1);
  const dated = new Date(Date.now() + 90_000).toUTCString();
  const byDate = await answering(t, refuse(503, 'unavailable', { 'retry-after': dated }));
  await assert.rejects(
    Secret.list(byDate.options),
    (error) => error instanceof UnavailableError && Math.abs((error.retryAfter ?? 0) - 90) < 3,
  );
});

test('what was never sent is sent, also where it must not be done twice; a stream is not', async () => {
  const [port = 0] = await freePorts(1);
  const baseUrl = `http://127.0.0.1:${port}`;
  let tries = 0;
  const counting: typeof fetch = (...given) => {
    tries += 1;
    return fetch(...given);
  };
  const send = createSend({ baseUrl, retries: 2, fetch: counting });
  await assert.rejects(send({ method: 'POST', url: baseUrl, headers: {}, body: 'x' }), ConnectionError);
  assert.equal(tries, 3);
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  await assert.rejects(send({ method: 'POST', url: baseUrl, headers: {}, body }), ConnectionError);
  assert.equal(tries, 4);
});

test('a deletion that was carried out before its connection broke is no error', async (t) => {
  const { seen, options } = await answering(t, broken, refuse(404, 'not_found'));
  await Sandbox.killById('id', options);
  await Secret.deleteByName('name', options);
  assert.equal(seen.length, 3);
});

test('a call ends in time, with its waits, and rejects with the reason of a signal', async (t) => {
  const { options } = await answering(t, silent);
  await assert.rejects(Secret.list({ ...options, timeoutMs: 50 }), TimeoutError);
  const waiting = await answering(t, refuse(429, 'rate_limited', { 'retry-after': '20' }));
  await assert.rejects(Secret.list({ ...waiting.options, timeoutMs: 100 }), TimeoutError);
  assert.equal(waiting.seen.length, 1);

  const reason = new Error('no longer wanted');
  for (const { options: target } of [await answering(t, silent), waiting]) {
    const controller = new AbortController();
    const call = Secret.list({ ...target, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await assert.rejects(call, (error) => error === reason);
  }
  const half: RequestListener = (_request, response) => void response.writeHead(200).write('[{"id":');
  const { options: stuck } = await answering(t, half);
  await assert.rejects(Secret.list({ ...stuck, timeoutMs: 100 }), TimeoutError);
  const cut: RequestListener = (request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('[', () => request.socket.destroy());
  };
  const { options: short } = await answering(t, cut);
  await assert.rejects(Secret.list({ ...short, retries: 0 }), ConnectionError);
});

test('an error is of the class of its code, under the names that users know too', async (t) => {
  const { options } = await answering(t, refuse(403, 'forbidden', { 'x-request-id': 'r-1' }));
  await assert.rejects(Secret.get('x', options), (error) => {
    assert.ok(error instanceof PermissionDeniedError && error instanceof SandboxError);
    assert.deepEqual(
      [error.name, error.code, error.status, error.statusCode, error.requestId, error.message],
      ['PermissionDeniedError', 'forbidden', 403, 403, 'r-1', 'as the server says'],
    );
    return true;
  });
  assert.ok(apiError('x', { code: 'not_found', status: 404 }) instanceof NotFoundError);
  assert.equal(apiError('x', { code: 'of_a_newer_server', status: 418 }).name, 'ApiError');
  assert.equal(apiError('x', { code: 'of_a_newer_server', status: 508 }).name, 'ServerError');
});

test('without a key nothing is sent, and the error says what to set', async () => {
  await assert.rejects(Secret.list({ baseUrl: 'http://127.0.0.1:1' }), /pass `apiKey`, or set STANDIN_API_KEY/);
});
