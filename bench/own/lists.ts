import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { OpenSegment } from '../../src/audit-rows.ts';
import type { AuditSegment } from '../../src/audit-rows.ts';
import { openDatabase, openStore } from '../../src/store/open.ts';
import { secretRow } from '../../src/store/rows.ts';
import type { Store } from '../../src/store/store.ts';
import { postgresMissing, startPostgres } from '../../test/support/postgres.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { BenchOptions } from '../options.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';

/** What people look at, over a store with this much in it: a week of it. */
const secretCount = 10_000;
const eventCount = 1_000_000;
const sandboxCount = 500;
const secretsOfSandbox = secretCount / sandboxCount;
const eventsInSegment = 10;
const segmentsAtOnce = 2000;
const rowsAtOnce = 500;
const weekMs = 7 * 24 * 3_600_000;
const runs = 15;

interface World {
  store: Store;
  teamId: string;
  secretIds: string[];
  sandboxIds: string[];
  from: number;
  to: number;
}

/** The slower of what each query took on SQLite and PostgreSQL, and each by itself: medians, milliseconds. */
export async function measureLists(_setting: Setting, _options: BenchOptions): Promise<Figure[]> {
  const directory = temporaryDirectory('bench-lists');
  const missing = await postgresMissing();
  const postgres = missing === false ? await startPostgres() : null;
  try {
    const figures = await measureOn('sqlite', `sqlite:${join(directory.path, 'standin.db')}`);
    return postgres === null ? figures : [...figures, ...(await measureOn('postgres', await postgres.freshUrl()))];
  } finally {
    await postgres?.stop();
    directory.remove();
  }
}

async function measureOn(kind: Store['kind'], url: string): Promise<Figure[]> {
  const store = await openStore(url);
  try {
    const world = await fill(store, url);
    const begun = performance.now();
    const rounds = await countAll(store);
    const figures: Figure[] = [
      figure(kind, `count the last of ${eventCount} events`, (performance.now() - begun) / Math.max(1, rounds)),
    ];
    for (const [name, query] of Object.entries(queries(world))) {
      await query();
      const times: number[] = [];
      for (let run = 0; run < runs; run++) {
        const at = performance.now();
        await query();
        times.push(performance.now() - at);
      }
      figures.push(figure(kind, name, times.toSorted((a, b) => a - b)[Math.floor(runs / 2)] ?? 0));
    }
    return figures;
  } finally {
    await store.close();
  }
}

function figure(kind: Store['kind'], label: string, value: number): Figure {
  return { name: `${kind}_${label.replaceAll(/\W+/g, '_')}`, label: `${kind}: ${label}`, value, unit: 'ms' };
}

async function countAll(store: Store): Promise<number> {
  let rounds = 0;
  while (await store.activity.rollUp()) rounds += 1;
  return rounds;
}

/** Of the team with `ownTeam`, or of one that is made for it. */
export async function fill(store: Store, url: string, ownTeam?: string): Promise<World> {
  const teamId = ownTeam ?? randomUUID();
  const to = Date.now();
  const from = to - weekMs;
  if (ownTeam === undefined) await store.teams.insert({ id: teamId, name: 'bench', createdAt: new Date(from) });
  const secretIds = Array.from({ length: secretCount }, () => randomUUID());
  const sandboxIds = Array.from({ length: sandboxCount }, () => randomUUID());
  await storeSecrets(url, { teamId, secretIds, from });
  let segments: AuditSegment[] = [];
  for (let made = 0; made < eventCount; made += eventsInSegment) {
    segments.push(segmentAt(made, { teamId, secretIds, sandboxIds, from }));
    if (segments.length < segmentsAtOnce && made + eventsInSegment < eventCount) continue;
    await store.events.append(segments);
    segments = [];
    // As a server does, while it comes: but for the last.
    if (made + eventsInSegment < eventCount - 20_000) await countAll(store);
  }
  return { store, teamId, secretIds, sandboxIds, from, to };
}

/** Many at once: that each is durable before the next is measured elsewhere. */
async function storeSecrets(
  url: string,
  { teamId, secretIds, from }: Pick<World, 'teamId' | 'secretIds' | 'from'>,
): Promise<void> {
  const database = await openDatabase(url);
  try {
    for (let start = 0; start < secretCount; start += rowsAtOnce) {
      const rows = secretIds.slice(start, start + rowsAtOnce).map((id, at) => {
        const index = start + at;
        return secretRow({
          id,
          teamId,
          name: `SECRET_${String(index).padStart(5, '0')}`,
          authType: 'bearer',
          authConfig: { type: 'bearer' },
          hosts: [`api-${index % 1000}.example.com`],
          providerShortcut: index % 10 === 0 ? 'openai' : null,
          onTripwire: 'alert',
          version: 1,
          createdAt: new Date(from + index),
          updatedAt: new Date(from + index),
          lastUsedAt: index % 3 === 0 ? null : new Date(from + index * 1000),
          deletedAt: null,
        });
      });
      await database.write.insertInto('secrets').values(rows).execute();
    }
  } finally {
    await database.close();
  }
}

/** Few sandboxes, secrets and hosts do most of the work, as in life. */
function segmentAt(made: number, { teamId, secretIds, sandboxIds, from }: Omit<World, 'store' | 'to'>): AuditSegment {
  const skewed = (many: number) => Math.floor(many * Math.random() ** 3);
  const sandbox = skewed(sandboxCount);
  const segment = new OpenSegment({ teamId, sandboxId: sandboxIds[sandbox] ?? '' });
  const at = from + Math.floor((made / eventCount) * weekMs);
  for (let each = 0; each < eventsInSegment; each++) {
    const index = sandbox * secretsOfSandbox + skewed(secretsOfSandbox);
    const secret = segment.numberOf(secretIds[index] ?? null);
    const refused = made % 500 === 0 && each === 0;
    const host = made === 5000 ? 'once.example.com' : `api-${index % 1000}.example.com`;
    segment.push([
      'exchange',
      at + each,
      secret,
      host,
      'POST',
      '/v1/chat/completions',
      refused ? 403 : 200,
      refused ? null : 200,
      Math.floor(20 + 500 * Math.random() ** 4),
      refused ? 'host_denied' : null,
      segment.factsOf(['API_KEY header authorization', null, '203.0.113.7', 443, 'TLSv1.3', 'h2']),
      [1, 1, 2, 90],
    ]);
  }
  return segment.close();
}

function queries({ store, teamId, secretIds, sandboxIds, from, to }: World): Record<string, () => Promise<unknown>> {
  const kinds = ['request', 'tripwire'] as const;
  const search = (more: object) => () => store.events.search(teamId, { limit: 50, kinds, ...more });
  const page =
    (order: 'name' | 'created_at' | 'last_used_at', more: object = {}) =>
    () =>
      store.secrets.page(teamId, { limit: 50, order, descending: true, ...more });
  const deep = { value: 'SECRET_05000', id: secretIds[5000] ?? '' };
  const day = 24 * 3_600_000;
  const totals = (width: number, span: number) => () =>
    store.activity.totals(teamId, { width, from: new Date(to - span), to: new Date(to) });
  const map = (width: number, span: number) => () =>
    store.activity.busiest(teamId, { width, from: new Date(to - span), to: new Date(to), limit: 100 });
  return {
    'requests, newest': search({}),
    'requests, far back': search({ before: 1000 }),
    'requests of a sandbox': search({ sandboxId: sandboxIds[400] }),
    'requests of a secret': search({ secretId: secretIds[9000] }),
    'requests, refused': search({ verdict: 'blocked' }),
    'requests to a host, there once': search({ host: 'once.example.com' }),
    'requests of a day of last week': search({ since: new Date(from), until: new Date(from + day) }),
    'tripwires, of which there are none': search({ kinds: ['tripwire'] }),
    'one request explained': () => store.events.explained(teamId, eventCount / 2),
    'what came since': () => store.events.after(teamId, eventCount - 100, { kinds }),
    'secrets by name, in the middle': page('name', { after: deep }),
    'secrets by age': page('created_at'),
    'secrets by last use': page('last_used_at'),
    'secrets by part of a name': page('created_at', { search: '_0123' }),
    'uses of a page of secrets': async () => {
      const { secrets } = await store.secrets.page(teamId, { limit: 200, order: 'name', descending: false });
      const ids = secrets.map(({ id }) => id);
      const range = { width: 21_600, from: new Date(to - 7 * day) };
      await Promise.all([store.bindings.countBySecrets(ids), store.activity.secretUses(ids, range)]);
    },
    'figures of an hour': totals(60, 3_600_000),
    'figures of a day': totals(900, day),
    'figures of a week': totals(3600, 7 * day),
    'map of an hour': map(300, 3_600_000),
    'map of a day': map(7200, day),
    'map of a week': map(86_400, 7 * day),
  };
}
