import type { Logger } from '../log.ts';

type Listener = (sandboxIds: string[] | null) => void;

/** Who in this process wants to hear of changes. */
export interface Subscribers {
  tell(sandboxIds: string[] | null): void;
  subscribe(listener: Listener): () => void;
}

export function createSubscribers(logger: Logger | undefined): Subscribers {
  const listeners = new Set<{ listener: Listener }>();
  return {
    tell(sandboxIds) {
      for (const { listener } of listeners) {
        try {
          listener(sandboxIds);
        } catch (error) {
          // One listener's failure must not keep a revocation from the others.
          logger?.error({ err: error }, 'a listener to changes failed');
        }
      }
    },
    subscribe(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
  };
}
