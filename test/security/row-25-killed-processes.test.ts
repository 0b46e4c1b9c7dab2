import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { AuditVerdict, Client } from '../../src/client/client.ts';
import { openDatabase } from '../../src/store/open.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';
import { waitUntil, workerPids } from '../support/processes.ts';
import { ConnectionClosed } from '../support/http-bytes.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Row 25: what a process of the server had in hand when it was killed is not in the trail, and the trail says so: a gap,
 * between whose times every request was under way that is missing.
 */

const host = 'api.example.com';
const apiKey = 'an_api_key_of_every_start';
const missingPostgres = await postgresMissing();
const home = temporaryDirectory('row-25-killed');
after(() => home.remove());

/** A request that was answered, with its times here. */
interface Answered {
  path: string;
  begun: number;
  ended: number;
}

interface Place {
  databaseUrl: string;
  /** Starts the server on it, with nobody to ask. */
  start: () => Promise<StandinServer>;
  /** The same before an upstream. */
  startRig: () => Promise<EgressRig>;
}

/** A data directory and its database, on which servers follow one another. */
function place(postgresUrl?: string): Place {
  const dataDir = join(home.path, randomBytes(4).toString('hex'));
  mkdirSync(dataDir, { mode: 0o700 });
  const databaseUrl = postgresUrl ?? `sqlite:${join(dataDir, 'standin.db')}`;
  const env = { STANDIN_SANDBOX_DRIVER: 'external', STANDIN_EGRESS_WORKERS: '2', STANDIN_DATABASE_URL: databaseUrl };
  const server = { dataDir, apiKey, env };
  return { databaseUrl, start: () => startStandin(server), startRig: () => startEgressRig({ names: [host], server }) };
}

/** Sends requests on eight connections until `stopped`, and keeps them; a connection that breaks is made anew. */
async function load(rig: EgressRig, answered: Answered[], stopped: () => boolean): Promise<void> {
  const sandbox = await rig.sandbox({ KEY: 'key' });
  const one = async (index: number) => {
    for (let count = 0; !stopped();) {
      try {
        const connection = await sandbox.connect(host);
        for (; !stopped(); count++) {
          const path = `/${index}/${count}`;
          const begun = Date.now();
          connection.send(
            `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n\r\n`,
          );
          if ((await connection.response()).status !== 200) break;
          answered.push({ path, begun, ended: Date.now() });
        }
        connection.close();
      } catch (error) {
        if (!isConnectionError(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, index) => one(index)));
}

function isConnectionError(error: unknown): boolean {
  return error instanceof ConnectionClosed || (error instanceof Error && 'code' in error);
}

/** Every path in the trail of the secret. */
async function recordedPaths(client: Client): Promise<Set<string>> {
  const paths = new Set<string>();
  for (let before: number | undefined; ;) {
    const page = await client.secrets.audit('key', { limit: 200, ...(before === undefined ? {} : { before }) });
    for (const { path } of page) if (path !== null) paths.add(path);
    before = page.at(-1)?.id;
    if (before === undefined) return paths;
  }
}

/** Resolves when some were answered, and the database says of every server on it that all until then is kept. */
async function untilSomeAreKept(databaseUrl: string, answered: readonly Answered[]): Promise<void> {
  await waitUntil(() => answered.length > 200, { what: 'requests to be answered' });
  const time = Date.now();
  const db = await openDatabase(databaseUrl);
  try {
    const settled = async () => {
      const runs = await db.read.selectFrom('server_runs').select('settled_at').execute();
      return runs.length > 0 && runs.every(({ settled_at: at }) => at > time);
    };
    await waitUntil(settled, { what: 'the database to say how far all is kept', withinMs: 20_000 });
  } finally {
    await db.close();
  }
}

/** One gap around `killedAt`, and no request missing that was over before it or begun after it. */
function assertHonest(
  t: TestContext,
  { gaps, broken }: AuditVerdict,
  seen: { answered: Answered[]; recorded: Set<string>; killedAt: number },
): void {
  assert.equal(broken, null);
  assert.equal(gaps.count, 1);
  const [gap] = gaps.newest;
  assert.ok(gap !== undefined);
  const [from, to] = [Date.parse(gap.from), Date.parse(gap.to)];
  assert.ok(from <= seen.killedAt && seen.killedAt <= to, `${gap.from} to ${gap.to}`);
  const missing = seen.answered.filter(({ path }) => !seen.recorded.has(path));
  t.diagnostic(`${missing.length} of ${seen.answered.length} are missing, in a gap of ${to - from} ms`);
  assert.deepEqual(
    missing.filter(({ begun, ended }) => ended < from || begun > to),
    [],
  );
  const before = seen.answered.filter(({ ended }) => ended < from);
  assert.ok(before.length > 0, 'the gap leaves out what was kept');
}

async function killedServer(t: TestContext, { databaseUrl, start, startRig }: Place): Promise<void> {
  const rig = await startRig();
  let gone = false;
  t.after(async () => {
    gone = true;
    await rig.stop();
  });
  /** The next server, and what it says of the trail that it found. */
  const next = async () => {
    const server = await start();
    t.after(() => server.stop());
    return { server, verdict: await server.client.audit.verify() };
  };
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  const answered: Answered[] = [];
  const loading = load(rig, answered, () => gone);
  await untilSomeAreKept(databaseUrl, answered);
  const killedAt = Date.now();
  await rig.server.kill9();
  gone = true;
  await loading;

  const { server: second, verdict } = await next();
  assertHonest(t, verdict, { answered, recorded: await recordedPaths(second.client), killedAt });
  assert.deepEqual(await second.stop(), { code: 0, signal: null });
  const third = await next();
  assert.equal(third.verdict.gaps.count, 1, 'a server that stopped leaves none');
  await third.server.kill9();
  const fourth = await next();
  assert.equal(fourth.verdict.gaps.count, 2, 'nobody knows what one that was killed had in hand');
}

describe('row 25: a server that is killed under load', { concurrency: 2 }, () => {
  it('leaves a gap in the trail that tells from when to when, on SQLite', (t) => killedServer(t, place()));

  let postgres: Postgres | undefined;
  after(() => postgres?.stop());
  it('and on PostgreSQL', { skip: missingPostgres }, async (t) => {
    postgres = await startPostgres();
    await killedServer(t, place(await postgres.freshUrl()));
  });
});

describe('row 25: a worker that is killed under load', () => {
  it('leaves a gap in the trail that tells from when to when, and the server goes on', async (t) => {
    const { databaseUrl, startRig } = place();
    const rig = await startRig();
    let over = false;
    t.after(async () => {
      over = true;
      await rig.stop();
    });
    await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
    const answered: Answered[] = [];
    const loading = load(rig, answered, () => over);
    const { client } = rig.server;
    await untilSomeAreKept(databaseUrl, answered);
    const [victim = 0] = workerPids(rig.server.program.pid);
    const killedAt = Date.now();
    process.kill(victim, 'SIGKILL');
    await waitUntil(async () => (await client.audit.verify()).gaps.count > 0, { what: 'the gap' });
    over = true;
    await loading;
    const isKept = async () => {
      const recorded = await recordedPaths(client);
      return answered.every(({ path, begun }) => begun <= killedAt || recorded.has(path));
    };
    await waitUntil(isKept, { what: 'what came after it to be recorded' });
    assertHonest(t, await client.audit.verify(), { answered, recorded: await recordedPaths(client), killedAt });
  });
});
