import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { serverSentEvents } from '../../../src/client/event-stream.ts';

async function read(pieces: Uint8Array[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  return Array.fromAsync(serverSentEvents(new Response(body)), ({ data }) => data);
}

test('events come whole wherever the stream is cut, with any of the three ends of line', async () => {
  const data = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n]/g, ''));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(data, { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat({ max: 200 })),
      async (events, end, cuts) => {
        const text = events
          .map((lines) => [': keepalive', 'event: x', ...lines.map((line) => `data: ${line}`), '', ''].join(end))
          .join('');
        // A lone CR at the very end may still be half of a line's end.
        const bytes = new TextEncoder().encode(`${text}: last${end}`);
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
        assert.deepEqual(
          await read(pieces),
          events.map((lines) => lines.join('\n')),
        );
      },
    ),
  );
});

test('an event that the end of the stream cuts off is none', async () => {
  assert.deepEqual(await read([new TextEncoder().encode('data: whole\n\ndata: half\n')]), ['whole']);
});

test('leaving the loop cancels the response', async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const { data } of serverSentEvents(new Response(body))) {
    assert.equal(data, 'x');
    break;
  }
  assert.ok(cancelled);
});
