import type { Answer, Query } from '../../../src/contract/operations.ts';
import { addressOf } from './call.ts';

export type RequestRow = Answer<'listRequests'>['data'][number];
export type RequestFilter = Partial<
  Pick<Query<'listRequests'>, 'sandbox_id' | 'secret' | 'host' | 'verdict' | 'status' | 'kind'>
>;

export interface StreamListener {
  /** Rows that arrived since the last call, newest first. */
  onRows: (rows: RequestRow[]) => void;
  onState: (state: StreamState) => void;
}

/** `ended`: the server will not take it up again by itself. */
export type StreamState = 'connecting' | 'live' | 'ended';

/** Rows that come in quick succession are shown together. */
const gatherMs = 200;

/** Follows `GET /requests/stream`; the browser reconnects where the connection breaks. Answers what ends it. */
export function followRequests(filter: RequestFilter, listener: StreamListener): () => void {
  const source = new EventSource(addressOf('/requests/stream', { query: filter }));
  let gathered: RequestRow[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    const rows = gathered.toReversed();
    gathered = [];
    listener.onRows(rows);
  };
  source.addEventListener('ready', () => listener.onState('live'));
  source.addEventListener('request', ({ data }: MessageEvent<string>) => {
    // Held to the contract by the server's tests, like every answer.
    const row: RequestRow = JSON.parse(data);
    gathered.push(row);
    timer ??= setTimeout(flush, gatherMs);
  });
  source.addEventListener('end', ({ data }: MessageEvent<string>) => {
    if (JSON.parse(data).code === 'stopping') return;
    source.close();
    listener.onState('ended');
  });
  source.addEventListener('error', () => {
    listener.onState(source.readyState === EventSource.CLOSED ? 'ended' : 'connecting');
  });
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
