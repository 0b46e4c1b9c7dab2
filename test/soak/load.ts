import { setTimeout as delay } from 'node:timers/promises';
import { Http1Client, anySending } from './clients/http1.ts';
import { Http2Client } from './clients/http2.ts';
import { curlInside } from './clients/inside.ts';
import { borrow, guess, misplace } from './clients/misuse.ts';
import { openWebSocket } from './clients/websocket.ts';
import { filler } from './echo-content.ts';
import type { Box, World } from './world.ts';

/** One kind of client of one sandbox: what it does, how often, and how it ends. */
interface Actor {
  box: number;
  /** Of all requests of this sandbox, in parts of their sum. */
  share: number;
  /** Does one thing; answers when it may do the next. */
  act(box: Box): Promise<void>;
  close(): void;
}

const pauseWithoutServerMs = 100;

/** Drives the clients of every sandbox at `perSecond` requests together, until it is stopped. */
export class Load {
  readonly #world: World;
  readonly #actors: Actor[];
  readonly #perSecond: number;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(world: World, perSecond: number) {
    this.#world = world;
    this.#perSecond = perSecond;
    this.#actors = world.plan.boxes.flatMap(({ index, driver }) =>
      driver === 'bubblewrap' ? [insideActor(world, index)] : externalActors(world, index),
    );
  }

  start(): void {
    const sum = this.#actors.reduce((total, { share }) => total + share, 0);
    this.#running = Promise.all(this.#actors.map((actor) => this.#drive(actor, (actor.share / sum) * this.#perSecond)));
  }

  /** Resolves when what is under way has ended, within its time limit. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    for (const actor of this.#actors) actor.close();
  }

  async #drive(actor: Actor, perSecond: number): Promise<void> {
    const { signal } = this.#stopping;
    let next = Date.now();
    while (!signal.aborted) {
      const box = this.#world.boxes.get(actor.box);
      if (box === undefined || this.#world.server.current === null) {
        await pause(pauseWithoutServerMs, signal);
        next = Date.now();
        continue;
      }
      await actor.act(box);
      // What is behind because an answer took long is not made up for: the rate is a limit.
      next = Math.max(next + 1000 / perSecond, Date.now() - 1000);
      await pause(Math.max(0, next - Date.now()), signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

function externalActors(world: World, box: number): Actor[] {
  const http1 = (kind: string, share: number, options: { way: 'connect' | 'socks'; keep: boolean }): Actor => {
    const client = new RenewedClient((now) => new Http1Client(world, now, options));
    return {
      box,
      share,
      act: async (now) => void (await client.of(now).send(anySending(world, now, kind))),
      close: () => client.close(),
    };
  };
  const special = (kind: 'upload' | 'download' | 'download-gzip' | 'events', share: number): Actor => {
    const client = new RenewedClient((now) => new Http1Client(world, now, { way: 'connect', keep: true }));
    return {
      box,
      share,
      act: async (now) => {
        const { secret } = anySending(world, now, kind);
        const content = kind === 'upload' ? { upload: filler(1 + world.random.below(200_000)) } : {};
        await client.of(now).send({ kind, behaviour: kind, secret, ...content });
      },
      close: () => client.close(),
    };
  };
  const single = (share: number, act: (world: World, box: Box) => Promise<void>): Actor => ({
    box,
    share,
    act: (now) => act(world, now),
    close: () => undefined,
  });
  const http2 = new RenewedClient((now) => new Http2Client(world, now));
  return [
    ...Array.from({ length: 4 }, () => http1('keep-alive', 9, { way: 'connect', keep: true })),
    http1('connection', 5, { way: 'connect', keep: false }),
    http1('socks', 3, { way: 'socks', keep: false }),
    {
      box,
      share: 24,
      act: async (now) => {
        // Several at once: it does not wait for the answer.
        void http2.of(now).send();
      },
      close: () => http2.close(),
    },
    special('upload', 3),
    special('download', 0.7),
    special('download-gzip', 0.7),
    special('events', 0.7),
    single(0.5, openWebSocket),
    single(2, misplace),
    single(1, borrow),
    single(0.3, guess),
  ];
}

function insideActor(world: World, box: number): Actor {
  return { box, share: 2, act: (now) => curlInside(world, now), close: () => undefined };
}

/** A client for the sandbox as it is now: another one where that was made anew. */
class RenewedClient<Client extends { close(): void }> {
  readonly #make: (box: Box) => Client;
  #box: Box | null = null;
  #client: Client | null = null;

  constructor(make: (box: Box) => Client) {
    this.#make = make;
  }

  of(box: Box): Client {
    if (this.#client === null || this.#box !== box) {
      this.close();
      this.#client = this.#make(box);
      this.#box = box;
    }
    return this.#client;
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }
}
