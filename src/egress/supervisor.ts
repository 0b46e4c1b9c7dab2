import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { AuditBatch } from '../audit-rows.ts';
import { exposeSecret } from '../crypto/secret.ts';
import { StartupError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { Gaps } from './gaps.ts';
import { NameLedger } from './given-names.ts';
import { GroupCommit } from './group-commit.ts';
import { isSendable } from './ipc.ts';
import type { Answer, Ask, FromWorker, ToWorker } from './ipc.ts';
import type { ControlPlane, EgressSettings } from './ports.ts';
import type { Authority } from './tls/authority.ts';

const listenerKinds = ['http', 'https', 'proxy', 'dns-udp', 'dns-tcp', 'other'] as const;

/** A listening socket out of a sandbox's network namespace, as Node's IPC carries it. */
export interface NamespaceHandle {
  kind: (typeof listenerKinds)[number];
  port: number;
  handle: unknown;
}

interface WorkerState {
  worker: Worker;
  ready: boolean;
  sandboxes: Set<string>;
  forgetting: Map<number, () => void>;
  /** Events of before this time are durable, in milliseconds since the epoch; what came later may be lost with it. */
  settledAt: number;
}

const restartDelayMs = 100;
const drainLimitMs = 30_000;
/** A worker that takes longer to forget is not trusted to have done it: it is replaced. */
const forgetLimitMs = 2_000;
/**
 * A worker's memory stays flat: glibc would give its threads eight arenas a core, and would keep what a burst of buffers and
 * compressors took, since it raises its own limit for what goes back to the system (mallopt(3), M_MMAP_THRESHOLD).
 */
const flatMalloc = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: String(128 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(2 * 1024 * 1024),
};
/** How often the control plane is told up to when every event is durable. */
const tellEveryMs = 5_000;

/**
 * The main process's side of the egress proxy: keeps the workers running, answers what they ask, hands them the
 * listeners of sandboxes, and tells them what to forget. A worker that dies is replaced, and its sandboxes' listeners
 * go to the replacement; until then connections wait or are refused, never passed.
 */
export class EgressSupervisor {
  readonly #settings: EgressSettings;
  readonly #plane: ControlPlane;
  readonly #journal: GroupCommit<AuditBatch>;
  readonly #authority: Authority;
  readonly #log: Logger;
  readonly #codeCache: string | null;
  readonly #settled: (at: Date) => Promise<void>;
  /** Of workers that ended with events in hand. */
  readonly #gaps: Gaps;
  readonly #workers = new Set<WorkerState>();
  readonly #namespaces = new Map<string, NamespaceHandle[]>();
  readonly #names: NameLedger;
  #stopping = false;
  #telling: NodeJS.Timeout | null = null;
  #nextForget = 1;

  /**
   * `codeCache`: a folder of the server's own, where workers keep their code compiled. `names`: another, for what resolvers
   * gave addresses to, which the next server goes on with. `settled` is told every few seconds
   * up to when every event is durable.
   */
  constructor(parts: {
    settings: EgressSettings;
    plane: ControlPlane;
    authority: Authority;
    log: Logger;
    codeCache?: string;
    names?: string;
    settled?: (at: Date) => Promise<void>;
  }) {
    this.#settings = parts.settings;
    this.#plane = parts.plane;
    this.#journal = new GroupCommit((batches) => parts.plane.record(batches), {
      weigh: ({ count }) => count,
      isUrgent: ({ strays }) => strays.length > 0,
    });
    this.#authority = parts.authority;
    this.#log = parts.log;
    this.#codeCache = parts.codeCache ?? null;
    this.#names = new NameLedger(parts.names ?? null);
    this.#settled = parts.settled ?? (() => Promise.resolve());
    this.#gaps = new Gaps((gap) => parts.plane.recordGap({ ...gap, lost: gap.lost ?? null }), {
      failed: (err) =>
        parts.log.error({ err }, 'events of an egress worker may be lost, and that could not be recorded'),
    });
  }

  /** Starts `count` workers; resolves with the proxy's port when all listen. StartupError where one cannot. */
  async start(count: number): Promise<number> {
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      exec: fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)),
      args: [],
      // Young objects of a request are garbage before 16 MB of others came: with 64 no collection was cheaper, and what lies
      // outside the heap waits for it too. SIGUSR1 would open a debugger.
      execArgv: ['--max-semi-space-size=16', '--initial-old-space-size=64', '--disable-sigusr1'],
      serialization: 'advanced',
    });
    this.#telling = setTimeout(() => void this.#tell(), tellEveryMs);
    const ports = await Promise.all(Array.from({ length: count }, () => this.#spawn()));
    return ports[0] ?? 0;
  }

  #spawn(): Promise<number> {
    const worker = cluster.fork({
      ...flatMalloc,
      // Names are looked up in libuv's threads: a few slow ones must not hold up everybody's.
      UV_THREADPOOL_SIZE: '32',
      // Most of a worker's start is reading its own code: the second one is there in less than half the time.
      ...(this.#codeCache === null ? {} : { NODE_COMPILE_CACHE: this.#codeCache }),
    });
    const state: WorkerState = {
      worker,
      ready: false,
      sandboxes: new Set(),
      forgetting: new Map(),
      settledAt: Date.now(),
    };
    this.#workers.add(state);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'listening':
          state.ready = true;
          state.settledAt = Date.now();
          this.#adopt();
          resolve(message.port);
          break;
        case 'failed':
          reject(new StartupError(message.message));
          // One that cannot listen is of no use: where others run, its end has it tried again.
          worker.process.kill('SIGKILL');
          break;
        case 'ask':
          void this.#answer(state, message.id, () => this.#look(message.ask));
          break;
        case 'settled':
          state.settledAt = message.at;
          break;
        case 'named':
          if (this.#namespaces.has(message.sandboxId)) this.#names.note(message);
          break;
        case 'lost':
          this.#gaps.add({ from: new Date(message.since), to: new Date(), lost: message.count });
          break;
        case 'events':
          void this.#answer(state, message.id, async () => {
            await this.#journal.write(message.batch);
            return { what: 'recorded' };
          });
          break;
        case 'forgotten':
          state.forgetting.get(message.id)?.();
          break;
      }
    });
    worker.on('error', (error) => this.#log.error({ err: error }, 'an egress worker failed'));
    worker.on('exit', (code, signal) => {
      this.#workers.delete(state);
      for (const done of state.forgetting.values()) done();
      reject(new StartupError(`an egress worker ended at its start (${signal ?? code})`));
      // It had no time to hand over its last events: the trail says that some may be missing.
      if (state.ready && code !== 0) {
        const now = Date.now();
        this.#gaps.add({ from: new Date(Math.min(state.settledAt, now)), to: new Date(now) });
      }
      if (this.#stopping) return;
      this.#log.error({ pid: worker.process.pid, code, signal }, 'an egress worker ended; starting another');
      setTimeout(
        () => {
          if (this.#stopping) return;
          this.#spawn().catch((error: unknown) =>
            this.#log.error({ err: error }, 'an egress worker could not be started'),
          );
        },
        state.ready ? 0 : restartDelayMs * 10,
      );
    });
    this.#send(state, { type: 'start', settings: this.#settings });
    return promise;
  }

  async #tell(): Promise<void> {
    await this.#gaps.flush();
    const times = [...this.#workers].map(({ settledAt }) => settledAt);
    const at = Math.min(Date.now(), this.#gaps.earliest ?? Infinity, ...times);
    await this.#settled(new Date(at)).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'up to when every event is durable could not be written down');
    });
    if (!this.#stopping) this.#telling = setTimeout(() => void this.#tell(), tellEveryMs);
  }

  async #look(ask: Ask): Promise<Answer> {
    if (ask.what === 'leaf') return { what: 'leaf', leaf: await this.#authority.leaf(ask.host) };
    if (ask.what === 'sandbox') return { what: 'sandbox', sandbox: await this.#plane.snapshot(ask.sandboxId) };
    const secret = await this.#plane.openSecret(ask);
    return { what: 'value', value: secret === null ? null : exposeSecret(secret) };
  }

  async #answer(state: WorkerState, id: number, work: () => Promise<Answer>): Promise<void> {
    try {
      this.#send(state, { type: 'answer', id, ok: true, result: await work() });
    } catch (error) {
      this.#log.error({ err: error }, 'the egress proxy asked for something that could not be answered');
      this.#send(state, { type: 'answer', id, ok: false });
    }
  }

  #send(state: WorkerState, message: ToWorker): void {
    if (state.worker.isConnected()) state.worker.send(message, (error) => this.#noteSendFailure(error));
  }

  #noteSendFailure(error: Error | null): void {
    if (error !== null && !this.#stopping) this.#log.warn({ err: error }, 'a message to an egress worker was lost');
  }

  /**
   * Makes every worker forget what it holds of these sandboxes (null: of all), so that their next request sees the
   * store as it is now. Resolves when each has done so; one that does not answer is ended.
   */
  async forget(sandboxIds: string[] | null): Promise<void> {
    if (sandboxIds?.length === 0) return;
    await Promise.all([...this.#workers].map((state) => this.#forgetIn(state, sandboxIds)));
  }

  #forgetIn(state: WorkerState, sandboxIds: string[] | null): Promise<void> {
    if (!state.worker.isConnected()) return Promise.resolve();
    const id = this.#nextForget++;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#log.error({ pid: state.worker.process.pid }, 'an egress worker does not answer; ending it');
      state.worker.process.kill('SIGKILL');
    }, forgetLimitMs);
    state.forgetting.set(id, () => {
      clearTimeout(timer);
      state.forgetting.delete(id);
      resolve();
    });
    this.#send(state, { type: 'forget', id, sandboxIds });
    return promise;
  }

  /** Takes the listeners of a sandbox's namespace and has a worker accept on them. */
  open(sandboxId: string, listeners: NamespaceHandle[]): Promise<void> {
    this.#namespaces.set(sandboxId, listeners);
    this.#adopt();
    return Promise.resolve();
  }

  /** Ends the listeners and connections of a sandbox. `remember`: what its resolver gave addresses to is kept. */
  async close(sandboxId: string, { remember } = { remember: false }): Promise<void> {
    this.#namespaces.delete(sandboxId);
    if (!remember) this.#names.forget(sandboxId);
    for (const state of this.#workers) {
      if (state.sandboxes.delete(sandboxId)) this.#send(state, { type: 'unlisten', sandboxId });
    }
    await this.forget([sandboxId]);
  }

  /** What resolvers of other sandboxes gave addresses to is forgotten. */
  keepNamesOf(sandboxIds: ReadonlySet<string>): void {
    this.#names.keepOnly(sandboxIds);
  }

  /** Hands each sandbox that no worker serves to the worker that serves the fewest. */
  #adopt(): void {
    const ready = [...this.#workers].filter((each) => each.ready && each.worker.isConnected());
    for (const [sandboxId, listeners] of this.#namespaces) {
      if (ready.some((each) => each.sandboxes.has(sandboxId))) continue;
      const state = ready.toSorted((a, b) => a.sandboxes.size - b.sandboxes.size)[0];
      if (state === undefined) return;
      state.sandboxes.add(sandboxId);
      const given = this.#names.of(sandboxId);
      if (given !== null) this.#send(state, { type: 'names', sandboxId, given });
      for (const { kind, port, handle } of listeners) {
        const message: ToWorker = { type: 'listen', sandboxId, kind, port };
        if (!isSendable(handle)) throw new TypeError(`the ${kind} listener of ${sandboxId} is no handle`);
        state.worker.send(message, handle, { keepOpen: true }, (error) => this.#noteSendFailure(error));
      }
    }
  }

  /** Process ids of the workers, for operators and benchmarks. */
  get pids(): number[] {
    return [...this.#workers].flatMap((each) => each.worker.process.pid ?? []);
  }

  /**
   * Lets each worker finish what is in flight and hand over its last events, then ends it. True where every event, or
   * the gap in its place, is in the trail.
   */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    if (this.#telling !== null) clearTimeout(this.#telling);
    await Promise.all(
      [...this.#workers].map((state) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (state.worker.isDead()) return Promise.resolve();
        const timer = setTimeout(() => state.worker.process.kill('SIGKILL'), drainLimitMs);
        state.worker.once('exit', () => {
          clearTimeout(timer);
          resolve();
        });
        this.#send(state, { type: 'drain' });
        return promise;
      }),
    );
    await this.#gaps.flush();
    return this.#gaps.earliest === null;
  }
}
