import { setTimeout as delay } from 'node:timers/promises';
import { workerPids } from '../support/processes.ts';
import { Http1Client } from './clients/http1.ts';
import type { SoakDatabase } from './database.ts';
import { steadyHost } from './plan.ts';
import type { Box, World } from './world.ts';

/** When what is done to a running server; seconds, 0: never. */
export interface FaultTimes {
  killEvery: number;
  databaseEvery: number;
  restartEvery: number;
}

/** How often each was done, and the longest time in which service was back, milliseconds. */
export type FaultCounts = Map<string, { times: number; slowest: number }>;

/** After a fault every sandbox must have a request answered within this time. */
const recoveryLimitMs = 20_000;
const probeEveryMs = 50;
const shortestOutageMs = 2_000;
const longestOutageMs = 8_000;
const rotateEveryMs = 1_500;
const reattachEveryMs = 6_000;
const longestDetachedMs = 2_500;
const starts = 3;

/** Kills, stops and changes things until it is stopped. */
export class Faults {
  readonly #world: World;
  readonly #database: SoakDatabase;
  readonly #times: FaultTimes;
  readonly #stopping = new AbortController();
  readonly #say: (line: string) => void;
  readonly counts: FaultCounts = new Map();
  #running: Promise<unknown>[] = [];
  /** One after the other: a server does not start without its database. */
  #outage: Promise<unknown> = Promise.resolve();
  /** Outages under way. */
  #down = 0;
  /** When the last fault was over. */
  #lastEnd = 0;
  #restarts = 0;

  constructor(world: World, database: SoakDatabase, options: { times: FaultTimes; say: (line: string) => void }) {
    this.#world = world;
    this.#database = database;
    this.#times = options.times;
    this.#say = options.say;
  }

  start(): void {
    const { killEvery, databaseEvery, restartEvery } = this.#times;
    this.#running = [
      this.#every(killEvery * 1000, () => this.#killWorker()),
      this.#every(databaseEvery * 1000, () => this.#alone(() => this.#disturbDatabase())),
      this.#every(restartEvery * 1000, () => this.#alone(() => this.#restart())),
      this.#every(rotateEveryMs, () => this.#rotate()),
      this.#every(reattachEveryMs, () => this.#reattach()),
    ];
  }

  /** Resolves when what is under way is over, and the server is up. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #every(ms: number, work: () => Promise<void>): Promise<void> {
    if (ms === 0) return;
    const { signal } = this.#stopping;
    for (;;) {
      await delay(ms, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.#world.findings.checked('tool');
      await work().catch((error: unknown) => {
        this.#world.findings.violate('tool', error instanceof Error ? (error.stack ?? error.message) : String(error));
      });
    }
  }

  async #killWorker(): Promise<void> {
    const { current } = this.#world.server;
    if (current === null) return;
    const workers = workerPids(current.program.pid);
    if (workers.length === 0) return;
    process.kill(this.#world.random.pick(workers), 'SIGKILL');
    this.#lastEnd = Date.now();
    await this.#recovered('worker killed');
  }

  async #disturbDatabase(): Promise<void> {
    const length = this.#between(shortestOutageMs, longestOutageMs);
    const what = await this.#database.disturb(() => delay(length));
    await this.#over(what);
  }

  async #restart(): Promise<void> {
    const { server } = this.#world;
    const kill = (this.#restarts += 1) % 2 === 0;
    if (kill) await server.kill();
    else await server.terminate();
    for (let tries = 1; server.current === null; tries++) {
      await server.start().catch((error: unknown) => {
        if (tries === starts) throw error;
      });
    }
    await this.#world.resume();
    await this.#over(kill ? 'server killed' : 'server ended with SIGTERM');
  }

  async #over(what: string): Promise<void> {
    this.#down -= 1;
    this.#lastEnd = Date.now();
    await this.#recovered(what);
    this.#down += 1;
  }

  /** Runs outages one after the other. */
  async #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#outage.then(async () => {
      this.#down += 1;
      try {
        await work();
      } finally {
        this.#down -= 1;
      }
    });
    this.#outage = done.catch(() => undefined);
    await done;
  }

  /** Waits until each external sandbox has had a request answered since; from the end of the last fault it has a limit. */
  async #recovered(what: string): Promise<void> {
    const begun = Date.now();
    await Promise.all([...this.#world.boxes.values()].map((box) => this.#answers(box, what)));
    const took = Date.now() - Math.max(begun, this.#lastEnd);
    this.#world.findings.checked('slow_recovery');
    const { times, slowest } = this.counts.get(what) ?? { times: 0, slowest: 0 };
    this.counts.set(what, { times: times + 1, slowest: Math.max(slowest, took) });
    this.#say(`${what}; service back after ${took} ms`);
  }

  async #answers(box: Box, what: string): Promise<void> {
    if (box.plan.driver !== 'external') return;
    const secret = this.#world.plan.secrets.find(({ host }) => host === steadyHost) ?? null;
    const client = new Http1Client(this.#world, box, { way: 'connect', keep: false });
    for (;;) {
      const entry = await client.send({ kind: 'probe', behaviour: 'empty', secret });
      if (entry?.outcome === 'answered') return;
      if (this.#down === 0 && Date.now() - this.#lastEnd > recoveryLimitMs) {
        const state = `${entry?.outcome} ${entry?.code ?? ''}`;
        this.#world.findings.violate('slow_recovery', `${what}: sandbox ${box.plan.index} still ${state}`);
        return;
      }
      await delay(probeEveryMs);
    }
  }

  async #rotate(): Promise<void> {
    if (this.#world.server.current !== null)
      await this.#world.rotate(this.#world.random.pick(this.#world.plan.secrets));
  }

  async #reattach(): Promise<void> {
    const { boxes, plan, random, server } = this.#world;
    const box = boxes.get(random.pick(plan.boxes.filter(({ driver }) => driver === 'external')).index);
    if (box === undefined || server.current === null) return;
    // What probes ask with stays.
    const secret = random.pick(this.#world.secretsOf(box.plan.index).filter(({ host }) => host !== steadyHost));
    await this.#world.reattach(box, secret, () => delay(random.below(longestDetachedMs)));
  }

  #between(least: number, most: number): number {
    return least + this.#world.random.below(most - least);
  }
}
