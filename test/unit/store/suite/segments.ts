import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before as beforeAll, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { openStore } from '../../../../src/store/open.ts';
import type { SandboxRecord, Store } from '../../../../src/store/store.ts';
import type { EventRecord, StatusClass } from '../../../../src/store/trail.ts';
import { connectionEvent, newSandbox, newTeam, openFor, requestEvent, segmentsOf } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

const classes: readonly (StatusClass | undefined)[] = [undefined, '2xx', '3xx', '4xx', '5xx', 'errors'];

/** What a read must find among events, oldest first, said in the plainest way. */
function expected(events: readonly EventRecord[], status: StatusClass | undefined): (string | null)[] {
  const fits = ({ status: code, errorCode }: EventRecord) => {
    if (status === undefined) return true;
    if (status === 'errors') return errorCode !== null || (code ?? 0) >= 400;
    return code !== null && `${Math.floor(code / 100)}xx` === status;
  };
  return events
    .filter(fits)
    .map(({ path }) => path)
    .toReversed();
}

export function segmentSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: segments`, () => {
    let store: Store;
    let boxes: SandboxRecord[];
    beforeAll(async () => {
      store = await openStore(await freshUrl());
      const team = await newTeam(store);
      boxes = [await newSandbox(store, team), await newSandbox(store, team)];
    });
    afterAll(() => store.close());

    it('are read as the events that they hold, however these came, page by page and by status', async () => {
      const anyEvent = fc.record({
        box: fc.nat(1),
        secret: fc.constantFrom(0, 1, null),
        status: fc.constantFrom(101, 200, 302, 404, 503, null),
        errorCode: fc.constantFrom(null, null, 'host_denied'),
        connection: fc.boolean(),
      });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(anyEvent, { maxLength: 12 }), { maxLength: 8 }),
          fc.integer({ min: 1, max: 9 }),
          async (groups, limit) => {
            const ids = [randomUUID(), randomUUID()];
            const owners = boxes.map((box) => Object.assign(structuredClone(box), { id: randomUUID() }));
            const all: EventRecord[] = [];
            for (const group of groups) {
              const events = group.map(({ box, secret, status, errorCode, connection }) => {
                const owner = owners[box];
                assert.ok(owner !== undefined);
                const own = { secretId: secret === null ? null : (ids[secret] ?? null), path: `/${(count += 1)}` };
                return connection
                  ? connectionEvent(owner, { secretId: own.secretId })
                  : requestEvent(owner, Object.assign(own, { status, errorCode }));
              });
              all.push(...events);
              await store.events.append(segmentsOf(events));
            }
            for (const owner of owners) {
              const wanted = all.filter((event) => event.sandboxId === owner.id);
              const read = (before?: number) =>
                store.events.bySandbox(owner.id, { limit, ...(before === undefined ? {} : { before }) });
              assert.deepEqual(await pages(read), expected(wanted, undefined));
            }
            for (const id of ids) {
              const wanted = all.filter((event) => event.secretId === id && event.kind === 'request');
              for (const status of classes) {
                const of = status === undefined ? {} : { status };
                const read = (before?: number) =>
                  store.events.bySecret(id, { limit, ...of, ...(before === undefined ? {} : { before }) });
                assert.deepEqual(await pages(read), expected(wanted, status));
              }
            }
          },
        ),
        { numRuns: 12 },
      );
    });

    it('are found before and after they are listed, thousands of small ones and one large', async (test) => {
      const own = await openFor(test, await freshUrl());
      const [box, other] = [await newSandbox(own, await newTeam(own)), await newSandbox(own, await newTeam(own))];
      const secretId = randomUUID();
      const paths: string[] = [];
      const put = async (count: number, size: number) => {
        const group = Array.from({ length: count }, () => {
          const events = Array.from({ length: size }, () => {
            const path = `/${paths.length}`;
            paths.push(path);
            return requestEvent(box, { secretId, path, status: paths.length % 1000 === 0 ? 500 : 200 });
          });
          return [...segmentsOf(events), ...segmentsOf([requestEvent(other, { secretId: randomUUID() })])];
        });
        await own.events.append(group.flat());
      };
      const found = () => pages((before) => page(before));
      const page = (before?: number, limit = 700) =>
        own.events.bySecret(secretId, { limit, ...(before === undefined ? {} : { before }) });
      // Some wait, then all are listed, then some wait again.
      for (const [count, size] of [
        [3, 2],
        [2100, 1],
        [1, 4096],
        [40, 3],
      ] as const) {
        await put(count, size);
        assert.deepEqual(await found(), paths.toReversed());
        const bySandbox = await own.events.bySandbox(box.id, { limit: 100_000 });
        assert.deepEqual(
          bySandbox.map(({ path }) => path),
          paths.toReversed(),
        );
      }
      const rare = await own.events.bySecret(secretId, { limit: 50, status: '5xx' });
      assert.deepEqual(
        rare.map(({ path }) => path),
        paths.filter((_, index) => index % 1000 === 999).toReversed(),
      );
      const { broken, events } = await own.events.verify();
      assert.deepEqual({ broken, events }, { broken: null, events: paths.length + 3 + 2100 + 1 + 40 });
    });
  });
}

/** Everything that is read, one page after the other: its paths, each id being lower than the one before. */
async function pages(
  read: (before?: number) => Promise<{ id: number; path: string | null }[]>,
): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await read(before);
    if (page.length === 0) return found;
    for (const { id, path } of page) {
      assert.ok(before === undefined || id < before);
      before = id;
      found.push(path);
    }
  }
}
