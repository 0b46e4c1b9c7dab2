import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StandinError } from '../../errors.ts';
import { openAgent } from '../agent-client.ts';
import { inside } from '../host/inside.ts';
import type { LocalSandbox } from '../host/local-driver.ts';
import { startMachine } from './machine.ts';
import type { Machine, MachineParts } from './machine.ts';
import { imageName } from './record.ts';
import type { GvisorRecord } from './record.ts';

const endTimeoutMs = 10_000;

/** `machine`: null where there is only its image. */
export function runningSandbox(
  { record: given, machine: made }: { record: GvisorRecord; machine: Machine | null },
  parts: MachineParts,
): LocalSandbox {
  const { folder, network } = parts;
  const { id, baseEnv } = given;
  const image = join(folder.path, imageName);
  const over = Promise.withResolvers<void>();
  let record = given;
  let machine: Machine | null = null;
  let destroyed: Promise<void> | null = null;
  let released = false;

  const note = (paused: boolean) => folder.save((record = { ...record, paused }));
  const refusal = () => {
    if (destroyed !== null) return new StandinError('unavailable', 'the sandbox has ended');
    return record.paused ? new StandinError('unavailable', 'the sandbox is paused: resume it first') : null;
  };
  const agent = openAgent({
    dial: () =>
      machine?.dial() ?? Promise.reject(new StandinError('unavailable', 'the sandbox is paused: resume it first')),
    refusal,
    baseEnv,
    home: inside.home,
  });

  function take(one: Machine): void {
    machine = one;
    void one.ended.then(async () => {
      if (machine !== one || released || destroyed !== null) return;
      if (record.paused && existsSync(image)) await leave(one);
      else await destroy();
    });
  }
  /** Only its image is left. */
  async function leave(one: Machine): Promise<void> {
    if (machine !== one) return;
    machine = null;
    await one.end();
  }
  async function end(): Promise<void> {
    if (machine === null) await network.close(id);
    else {
      await machine.closeNetwork({ remember: false });
      await machine.end();
    }
    folder.remove();
    over.resolve();
  }
  const destroy = () => (destroyed ??= end());

  /** To disk as soon as it can be; it is stopped already. */
  async function save(one: Machine): Promise<void> {
    if ((await one.tell('save')) !== 'ok') return;
    await one.ended;
    if (!existsSync(image)) throw new Error('no image was written');
    await leave(one);
  }
  /** True where it is still in memory, and goes on. */
  async function goOn(): Promise<boolean> {
    const one = machine;
    if (one === null) return false;
    try {
      await one.openNetwork();
      await one.tell('resume');
      return true;
    } catch (error) {
      await one.closeNetwork({ remember: true });
      // It was being written meanwhile, or cannot go on.
      const ended = one.ended.then(() => true);
      const isOver = await Promise.race([ended, delay(endTimeoutMs, false, { ref: false })]);
      if (!isOver || !existsSync(image)) throw error;
      await leave(one);
      return false;
    }
  }

  if (made !== null) take(made);
  return {
    id,
    baseEnv,
    ...agent,
    get paused() {
      return record.paused;
    },
    ended: over.promise,
    destroy,
    health: () => (record.paused ? Promise.resolve(destroyed === null) : agent.ping()),
    // Said before it is done and until it is undone: whoever takes over knows that it may be stopped.
    async pause() {
      const one = machine;
      if (one === null || destroyed !== null) throw new StandinError('unavailable', 'the sandbox has ended');
      note(true);
      await one.quieten();
      // The agent's own connections must be gone before it stops.
      await one.closeNetwork({ remember: true });
      try {
        await one.tell('pause');
      } catch (error) {
        await one.openNetwork();
        note(false);
        throw new StandinError('unavailable', 'the sandbox could not be paused', { cause: error });
      }
      await save(one).catch(async (error: unknown) => {
        await destroy();
        throw new StandinError('unavailable', 'the sandbox could not be written to disk, and ended', { cause: error });
      });
    },
    async resume() {
      if (destroyed !== null) throw new StandinError('unavailable', 'the sandbox has ended');
      if (!(await goOn())) {
        const restored = await startMachine(record, 'restore', parts);
        record = restored.record;
        take(restored.machine);
      }
      note(false);
      rmSync(image, { recursive: true, force: true });
    },
    release() {
      if (released || destroyed !== null) return;
      released = true;
      machine?.release();
    },
  };
}
