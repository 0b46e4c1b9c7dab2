import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { failureOf } from '../api/failure.ts';
import type { Page } from '../api/call.ts';
import type { Failure } from '../api/failure.ts';

export interface Paged<Row> {
  rows: readonly Row[];
  failure: Failure | undefined;
  /** The first page is not there yet. */
  loading: boolean;
  /** All of it is there. */
  complete: boolean;
  /** Loads the next page, where there is one and none is under way. */
  more: () => void;
  /** From the first page on, again; what is there stays until the answer came. */
  reload: () => void;
  /** Puts rows that arrived live before the others. */
  prepend: (fresh: readonly Row[]) => void;
}

/** A long list, a page at a time as it is scrolled to. It begins anew whenever one of `key` changes. */
export function usePages<Row>(
  key: readonly unknown[],
  ask: (after: string | undefined, signal: AbortSignal) => Promise<Page<Row>>,
): Paged<Row> {
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [next, setNext] = useState<string>();
  const [phase, setPhase] = useState<'first' | 'more' | 'idle'>('first');
  const [failure, setFailure] = useState<Failure>();
  const [turn, setTurn] = useState(0);
  const question = useRef(ask);
  question.current = ask;
  const control = useRef(new AbortController());
  const busy = useRef(false);
  const identity = JSON.stringify(key);
  const known = useRef(identity);

  const load = useCallback(async (after: string | undefined) => {
    const { signal } = control.current;
    busy.current = true;
    setPhase(after === undefined ? 'first' : 'more');
    setFailure(undefined);
    try {
      const page = await question.current(after, signal);
      if (signal.aborted) return;
      setRows((before) => (after === undefined ? page.rows : [...before, ...page.rows]));
      setNext(page.next);
    } catch (error) {
      if (!signal.aborted) setFailure(failureOf(error));
    } finally {
      if (!signal.aborted) {
        busy.current = false;
        setPhase('idle');
      }
    }
  }, []);

  useEffect(() => {
    control.current = new AbortController();
    if (known.current !== identity) setRows([]);
    known.current = identity;
    void load(undefined);
    return () => control.current.abort();
  }, [identity, turn, load]);

  return {
    rows,
    failure,
    loading: phase === 'first' && rows.length === 0,
    complete: next === undefined && phase === 'idle',
    more: useCallback(() => {
      if (!busy.current && next !== undefined) void load(next);
    }, [next, load]),
    reload: useCallback(() => setTurn((before) => before + 1), []),
    prepend: useCallback((fresh: readonly Row[]) => setRows((before) => [...fresh, ...before]), []),
  };
}
