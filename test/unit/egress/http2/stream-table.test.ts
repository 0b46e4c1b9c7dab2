import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Http2Stream } from '../../../../src/egress/wire/http2/stream.ts';
import { StreamTable } from '../../../../src/egress/wire/http2/stream-table.ts';

const window = { sendWindow: 65_535, receiveWindow: 65_535, headOnly: false };

test('a table of streams says what a Map would, whichever streams come and go', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(200), fc.boolean()), { maxLength: 400 }), (steps) => {
      const table = new StreamTable();
      const model = new Map<number, Http2Stream>();
      for (const [number, comes] of steps) {
        const id = number * 2 + 1;
        const known = model.get(id);
        if (comes && known === undefined) {
          const stream = new Http2Stream(id, window);
          model.set(id, stream);
          table.add(stream);
        } else if (!comes && known !== undefined) {
          model.delete(id);
          table.delete(known);
          assert.equal(known.nextInSlot, null, 'a stream that is over holds no other');
        }
        assert.equal(table.get(id), model.get(id));
        assert.equal(table.size, model.size);
      }
      const ids = [...model.keys()].toSorted((a, b) => a - b);
      assert.deepEqual(
        table.all().map(({ id }) => id),
        ids,
      );
      for (const id of ids) assert.equal(table.get(id), model.get(id));
    }),
  );
});

test('deleting a stream that is not in the table, or no more, changes nothing', () => {
  const table = new StreamTable();
  const [first, second] = [new Http2Stream(1, window), new Http2Stream(65, window)];
  table.add(first);
  table.delete(second);
  table.add(second);
  table.delete(first);
  table.delete(first);
  assert.deepEqual(table.all(), [second]);
  assert.equal(table.size, 1);
});
