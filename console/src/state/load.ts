import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { failureOf } from '../api/failure.ts';
import type { Failure } from '../api/failure.ts';

export interface Loaded<Data> {
  data: Data | undefined;
  failure: Failure | undefined;
  loading: boolean;
  /** Asks again; what is there stays until the answer came. */
  reload: () => void;
}

export interface LoadOptions {
  /** Asks again each so many milliseconds while the page is seen. */
  everyMs?: number;
}

/** What `ask` answers, asked for anew whenever one of `key` changes. A late answer to an earlier question is dropped. */
export function useLoad<Data>(
  key: readonly unknown[],
  ask: (signal: AbortSignal) => Promise<Data>,
  { everyMs }: LoadOptions = {},
): Loaded<Data> {
  const [state, setState] = useState<Omit<Loaded<Data>, 'reload'>>({
    data: undefined,
    failure: undefined,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  const identity = JSON.stringify(key);
  const known = useRef(identity);
  const question = useRef(ask);
  question.current = ask;

  useEffect(() => {
    const control = new AbortController();
    const isNew = known.current !== identity;
    known.current = identity;
    setState((before) => ({ ...before, loading: true, ...(isNew ? { data: undefined, failure: undefined } : {}) }));
    question
      .current(control.signal)
      .then((data) => {
        if (!control.signal.aborted) setState({ data, failure: undefined, loading: false });
        return undefined;
      })
      .catch((error: unknown) => {
        if (control.signal.aborted) return;
        setState((before) => ({ ...before, failure: failureOf(error), loading: false }));
      });
    return () => control.abort();
  }, [identity, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  return { ...state, reload };
}
