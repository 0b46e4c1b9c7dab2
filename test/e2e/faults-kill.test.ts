import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { ApiError } from '../../src/client/errors.ts';
import { findProblems } from '../../src/sandbox/bubblewrap/preflight.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';
import { descendantsOf, endProcesses, isRunning, waitUntil, workerPids } from '../support/processes.ts';
import { launchStandin, startStandin } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** `kill -9` at random moments of a stream of writes loses none that was acknowledged; SIGTERM leaves nothing behind. */

const host = 'api.example.com';
const apiKey = 'an_api_key_of_every_start';
const home = temporaryDirectory('faults-kill');

/** A secret as its writer knows it: what may be stored now, more than one thing only while a write was not answered. */
interface Known {
  /** The values that may be current; null: that it is deleted, or not there yet. */
  may: Set<string | null>;
}

/** What the writers know of the database, across restarts. */
class Ledger {
  readonly secrets = new Map<string, Known>();
  /** Audit rows that the API has answered. */
  rows = new Map<string, Set<number>>();
  acknowledged = 0;
  #count = 0;

  /** Creates, rotates and deletes secrets until the server is gone, or `stopped`. */
  async write(client: Client, stopped: () => boolean = () => false): Promise<void> {
    while (!stopped()) {
      const name = `secret-${(this.#count += 1)}`;
      const known: Known = { may: new Set([null]) };
      this.secrets.set(name, known);
      const value = () => `value-${randomBytes(8).toString('hex')}`;
      const first = value();
      const create = () => client.secrets.create({ name, value: first, auth: { type: 'bearer' }, hosts: [host] });
      if (!(await this.#step(known, first, create))) return;
      const second = value();
      if (!(await this.#step(known, second, () => client.secrets.rotate(name, second)))) return;
      if (randomInt(3) === 0 && !(await this.#step(known, null, () => client.secrets.remove(name)))) return;
    }
  }

  /** False: no answer came, and either may hold. A refusal is a failure of the test. */
  async #step(known: Known, next: string | null, work: () => Promise<unknown>): Promise<boolean> {
    known.may.add(next);
    try {
      await work();
    } catch (error) {
      if (error instanceof ApiError) throw error;
      return false;
    }
    known.may = new Set([next]);
    this.acknowledged += 1;
    return true;
  }

  /** Asks a server that was started since: every acknowledged write is there, every other one whole or not at all. */
  async verify(rig: EgressRig): Promise<void> {
    const live = new Set((await rig.server.client.secrets.list()).map(({ name }) => name));
    for (const [name, { may }] of this.secrets) {
      assert.ok(live.has(name) ? [...may].some((each) => each !== null) : may.has(null), `${name}: ${live.has(name)}`);
    }
    // Through the proxy, as a value is stored to be used: the newest, among which are those cut short.
    for (const [name, ids] of this.rows) {
      if (!live.has(name)) continue;
      const found = new Set((await rig.server.client.secrets.audit(name, { limit: 200 })).map(({ id }) => id));
      assert.ok(ids.isSubsetOf(found), `${name} has lost audit rows`);
    }
    this.rows = await this.#use(rig, [...this.secrets.keys()].filter((name) => live.has(name)).slice(-8));
  }

  /** Sends each secret's value through the proxy and gives the audit rows of that, once the API has answered them. */
  async #use(rig: EgressRig, names: string[]): Promise<Map<string, Set<number>>> {
    const rows = new Map<string, Set<number>>();
    const keys = Object.fromEntries(names.map((name, index) => [`KEY_${index}`, name]));
    const sandbox = await rig.sandbox(keys);
    const connection = await sandbox.connect(host);
    for (const [key, name] of Object.entries(keys)) {
      const path = `/${randomBytes(8).toString('hex')}`;
      connection.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${sandbox.standIn(key)}\r\n\r\n`);
      assert.equal((await connection.response()).status, 200);
      const [seen] = rig.requestsFor(path);
      const [authorization = ''] = seen === undefined ? [] : headerValues(seen.head, 'authorization');
      const sent = authorization.replace(/^Bearer /, '');
      assert.ok(this.secrets.get(name)?.may.has(sent), `${name} is ${sent}`);
      const row = await rig.auditRow(name, (each) => each.path === path);
      rows.set(name, new Set([row.id]));
    }
    connection.close();
    return rows;
  }
}

async function killRounds(rounds: number, databaseUrl: string | undefined): Promise<void> {
  const dataDir = join(home.path, randomBytes(4).toString('hex'));
  mkdirSync(dataDir, { mode: 0o700 });
  const ledger = new Ledger();
  for (let round = 0; round <= rounds; round++) {
    const env: Record<string, string> = databaseUrl === undefined ? {} : { STANDIN_DATABASE_URL: databaseUrl };
    const rig = await startEgressRig({
      names: [host],
      server: { dataDir, apiKey, env: { STANDIN_SANDBOX_DRIVER: 'external', ...env } },
    });
    try {
      await ledger.verify(rig);
      if (round === rounds) break;
      const target = ledger.acknowledged + randomInt(10, 60);
      const writers = Promise.all(Array.from({ length: 4 }, () => ledger.write(rig.server.client)));
      await waitUntil(() => ledger.acknowledged >= target, { what: 'writes to be acknowledged' });
      await delay(randomInt(20));
      rig.server.program.child.kill('SIGKILL');
      await writers;
    } finally {
      await rig.stop();
    }
  }
}

const postgresSkip = await postgresMissing();

describe('kill -9 of the server', { concurrency: 2 }, () => {
  it('at random moments of a stream of writes loses none that was acknowledged, on SQLite', () =>
    killRounds(6, undefined));

  let postgres: Postgres | undefined;
  after(() => postgres?.stop());
  it('loses none on PostgreSQL either', { skip: postgresSkip }, async () => {
    postgres = await startPostgres();
    await killRounds(3, await postgres.freshUrl());
  });

  for (const file of ['standin.db', 'key', 'ca-key.pem', 'ca.pem', 'cli.json']) {
    it(`in its first start, as soon as there is ${file}, does not keep the next start from being one`, async () => {
      const dataDir = join(home.path, `first-${file}`);
      const env = { STANDIN_BOOTSTRAP_API_KEY: '', STANDIN_SANDBOX_DRIVER: 'external' };
      const { program } = await launchStandin({ dataDir, env });
      while (!existsSync(join(dataDir, file)) && program.child.exitCode === null) await setImmediate();
      await program.stop('SIGKILL');
      const server = await startStandin({ dataDir, env });
      try {
        const { api_key: key }: Record<string, unknown> = JSON.parse(readFileSync(join(dataDir, 'cli.json'), 'utf8'));
        const client = createClient({ baseUrl: server.url, apiKey: String(key) });
        assert.equal((await client.keys.list()).length, 1);
      } finally {
        await server.stop();
      }
    });
  }
});

describe('a worker that is killed', () => {
  it('takes no acknowledged write with it, nor keeps others from being made', async () => {
    const rig = await startEgressRig({
      names: [host],
      server: { env: { STANDIN_SANDBOX_DRIVER: 'external', STANDIN_EGRESS_WORKERS: '2' } },
    });
    const ledger = new Ledger();
    try {
      let stopped = false;
      const writers = Promise.all([1, 2].map(() => ledger.write(rig.server.client, () => stopped)));
      for (let round = 0; round < 5; round++) {
        const target = ledger.acknowledged + randomInt(5, 20);
        await waitUntil(() => ledger.acknowledged >= target, { what: 'writes to be acknowledged' });
        const workers = descendantsOf(rig.server.program.pid);
        const [victim = 0] = workers;
        process.kill(victim, 'SIGKILL');
        await waitUntil(
          () => {
            const now = descendantsOf(rig.server.program.pid);
            return !now.includes(victim) && now.length === workers.length;
          },
          { what: 'another worker in its place' },
        );
      }
      stopped = true;
      await writers;
      await ledger.verify(rig);
    } finally {
      await rig.stop();
    }
  });
});

const problems = await findProblems();

const unfit = problems.map(({ what }) => what).join('; ') || false;

describe('a sandbox whose worker is killed', { skip: unfit }, () => {
  it('goes on with the addresses that it was given for names, and gets others for new ones', async () => {
    const names = [host, 'other.example.com'];
    const rig = await startEgressRig({ names, server: { env: { STANDIN_EGRESS_WORKERS: '1' } } });
    const { client, program } = rig.server;
    try {
      const sandbox = await client.sandboxes.create({ name: 'box', driver: 'bubblewrap' });
      const run = async (command: string) => (await client.exec(sandbox, { command })).stdout.trim();
      const lookUp = (name: string) => run(`getent ahostsv4 ${name} | head -1 | cut -d' ' -f1`);
      const before = await lookUp(host);
      const [victim = 0] = workerPids(program.pid);
      process.kill(victim, 'SIGKILL');
      // What the client remembers, as curl's --resolve does.
      const ask = `curl -s -m 10 -o /dev/null -w '%{http_code}' --resolve ${host}:443:${before} https://${host}/remembered`;
      let answer = '';
      await waitUntil(async () => (answer = await run(ask)) !== '000', { what: 'a worker in its place' });
      assert.equal(answer, '200');
      assert.equal(await lookUp(host), before);
      assert.notEqual(await lookUp('other.example.com'), before);
    } finally {
      await rig.stop();
    }
  });
});

describe('SIGTERM and SIGINT', { skip: unfit }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} ends the server with 0, and its workers; sandboxes go on for the next one`, async () => {
      const rig = await startEgressRig({ names: [host], server: { env: { STANDIN_EGRESS_WORKERS: '2' } } });
      const { client, program } = rig.server;
      let below: number[] = [];
      try {
        const sandbox = await client.sandboxes.create({ name: 'box', driver: 'bubblewrap' });
        await client.exec(sandbox, { command: 'setsid sleep 1000 >/dev/null 2>&1 &' });
        below = descendantsOf(program.pid);
        const workers = workerPids(program.pid);
        const inSandbox = below.filter((pid) => !workers.includes(pid) && isRunning(pid));
        assert.ok(below.length >= 5, `two workers, bwrap, its agent and sleep, not only ${below.length}`);
        // What outlives the server may hold its output open: only its own end is waited for.
        const ended = once(program.child, 'exit');
        program.child.kill(signal);
        assert.deepEqual(await ended, [0, null]);
        assert.equal(workers.length, 2);
        assert.deepEqual(workers.filter(isRunning), []);
        // A program that was only passing, such as one that makes pipes, may have ended.
        const left = inSandbox.filter(isRunning).length;
        assert.ok(left >= 3, `bwrap, its agent and sleep, not only ${left}`);
      } finally {
        await rig.stop();
        endProcesses(below);
      }
    });
  }
});

after(() => home.remove());
