import { closeSync } from 'node:fs';
import { StandinError } from '../../errors.ts';
import { openAgent } from '../agent-client.ts';
import { dialPath } from '../agent-dial.ts';
import type { DialAgent } from '../agent-dial.ts';
import type { NamespaceListener, NamespaceNetwork } from '../driver.ts';
import type { Freezer } from '../host/cgroups.ts';
import { inside } from '../host/inside.ts';
import type { Life } from '../host/life.ts';
import type { LocalSandbox } from '../host/local-driver.ts';
import { closeListeners } from '../host/namespace-listeners.ts';
import { socketPath } from '../host/records.ts';
import type { SandboxFolder, SandboxRecord } from '../host/records.ts';

/** What a sandbox that is up is made of. */
export interface SandboxPieces {
  record: BubblewrapRecord;
  folder: SandboxFolder<BubblewrapRecord>;
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

/** Of the agent, in the sandbox's folder. */
export const agentSocketName = 'agent.sock';

export interface BubblewrapRecord extends SandboxRecord {
  /** The host's uid that it runs as; null: the server's own. */
  uid: number | null;
}

/** The agent behind a descriptor of its socket. */
export function dialAgent(descriptor: number): DialAgent {
  return dialPath(socketPath(descriptor));
}

export function runningSandbox(pieces: SandboxPieces): LocalSandbox {
  const { folder, life, freezer, listeners, network } = pieces;
  const { id, baseEnv } = pieces.record;
  const dial = dialAgent(pieces.agent);
  let { record } = pieces;
  let destroyed: Promise<void> | null = null;
  let released = false;
  const note = (paused: boolean) => folder.save((record = { ...record, paused }));
  const refusal = () => {
    if (destroyed !== null) return new StandinError('unavailable', 'the sandbox has ended');
    return record.paused ? new StandinError('unavailable', 'the sandbox is paused: resume it first') : null;
  };
  const agent = openAgent({ dial, refusal, baseEnv, home: inside.home });

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
