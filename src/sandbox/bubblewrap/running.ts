import { closeSync } from 'node:fs';
import { StandinError } from '../../errors.ts';
import { openAgent } from '../agent-client.ts';
import type { NamespaceListener, NamespaceNetwork, RunningSandbox } from '../driver.ts';
import type { Freezer } from './cgroups.ts';
import { inside } from './inside.ts';
import type { Life } from './life.ts';
import { closeListeners } from './namespace-listeners.ts';
import type { SandboxFolder, SandboxRecord } from './records.ts';

/** A sandbox of this server's, fresh or taken over. */
export interface BubblewrapSandbox extends RunningSandbox {
  /** Lets go of it: it goes on without this server. */
  release(): void;
}

/** What a sandbox that is up is made of. */
export interface SandboxPieces {
  record: SandboxRecord;
  folder: SandboxFolder;
  life: Life;
  /** A descriptor of the agent's socket. */
  agent: number;
  freezer: Freezer;
  listeners: NamespaceListener[];
  network: NamespaceNetwork;
  /** What is left to do once every process has ended. */
  cleanUp: () => Promise<void>;
  /** Lets go of what would keep this process alive. */
  letGo: () => void;
}

/** The socket of an agent by its descriptor: a path may be too long for an address, and this one never is. */
export function agentPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

export function runningSandbox(pieces: SandboxPieces): BubblewrapSandbox {
  const { folder, life, freezer, listeners, network } = pieces;
  const { id, baseEnv } = pieces.record;
  const path = agentPath(pieces.agent);
  let { record } = pieces;
  let destroyed: Promise<void> | null = null;
  let released = false;
  const note = (paused: boolean) => folder.save((record = { ...record, paused }));
  const refusal = () => {
    if (destroyed !== null) return new StandinError('unavailable', 'the sandbox has ended');
    return record.paused ? new StandinError('unavailable', 'the sandbox is paused: resume it first') : null;
  };
  const agent = openAgent({ path, refusal, baseEnv, home: inside.home });

  const end = async () => {
    // What is frozen does not die under version 1.
    if (record.paused) await freezer.thaw().catch(() => undefined);
    await network.close(id);
    closeListeners(listeners);
    await life.kill();
    closeSync(pieces.agent);
    await pieces.cleanUp();
    folder.remove();
  };
  const destroy = () => (destroyed ??= end());

  return {
    id,
    baseEnv,
    ...agent,
    get paused() {
      return record.paused;
    },
    // One that was let go has not ended.
    ended: life.ended.then(() => (released ? new Promise<void>(() => undefined) : destroy())),
    destroy,
    health: () => (record.paused ? Promise.resolve(destroyed === null) : agent.ping()),
    // Said before it is done and until it is undone: whoever takes over knows that it may be frozen.
    async pause() {
      note(true);
      try {
        await freezer.freeze();
      } catch (error) {
        await freezer.thaw().catch(() => undefined);
        note(false);
        throw new StandinError('unavailable', 'the sandbox could not be paused', { cause: error });
      }
    },
    async resume() {
      await freezer.thaw();
      note(false);
    },
    release() {
      if (released || destroyed !== null) return;
      released = true;
      closeListeners(listeners);
      closeSync(pieces.agent);
      pieces.letGo();
    },
  };
}
