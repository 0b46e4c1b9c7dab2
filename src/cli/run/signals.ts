import { constants } from 'node:os';

const relayed = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** The signals that a person or a supervisor sends to end a command, taken over for one that runs elsewhere. */
export interface SignalRelay {
  /** The first one that came while there was no target. */
  readonly pending: NodeJS.Signals | null;
  /** From now on they go there; null: they are kept. */
  to(target: ((name: NodeJS.Signals) => void) | null): void;
  /** From now on the first one ends this process, as if nothing were in the way. */
  release(): void;
  stop(): void;
}

/** Starts to relay. Until `stop`, none of these signals ends this process by itself. */
export function relaySignals(): SignalRelay {
  let target: ((name: NodeJS.Signals) => void) | null = null;
  let pending: NodeJS.Signals | null = null;
  const take = (name: NodeJS.Signals) => {
    if (target === null) pending ??= name;
    else target(name);
  };
  for (const name of relayed) process.on(name, take);
  return {
    get pending() {
      return pending;
    },
    to(next) {
      target = next;
    },
    release() {
      target = (name) => process.exit(exitCodeOf(name));
    },
    stop() {
      for (const name of relayed) process.off(name, take);
    },
  };
}

/** What a shell says of a command that `name` ended. */
export function exitCodeOf(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}
