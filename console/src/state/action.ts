import { useCallback, useRef, useState } from 'preact/hooks';
import { failureOf } from '../api/failure.ts';
import type { Failure } from '../api/failure.ts';
import { say } from './notices.ts';

export interface Action<Args extends unknown[]> {
  /** Resolves to whether it was done; a failure is in `failure` then. A second run while one is under way is ignored. */
  run: (...args: Args) => Promise<boolean>;
  busy: boolean;
  failure: Failure | undefined;
  clear: () => void;
}

/** Something that a person sets off: under way, done with a sentence that says so, or failed with what to do. */
export function useAction<Args extends unknown[]>(act: (...args: Args) => Promise<string | undefined>): Action<Args> {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const running = useRef(false);
  const current = useRef(act);
  current.current = act;

  const run = useCallback(async (...args: Args) => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setFailure(undefined);
    try {
      const told = await current.current(...args);
      if (told !== undefined) say(told);
      return true;
    } catch (error) {
      setFailure(failureOf(error));
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  return { run, busy, failure, clear: useCallback(() => setFailure(undefined), []) };
}
