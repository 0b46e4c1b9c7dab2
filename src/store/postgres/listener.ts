import { Client } from 'pg';
import type { ClientConfig } from 'pg';

/** How often the connection is asked whether it still lives, and how long it may take to say so, milliseconds. */
const heartbeat = { interval: 5000, patience: 3000 };

/** A connection that listens on one channel. */
export interface Listener {
  /** Resolves when the connection is lost or was closed. */
  ended: Promise<void>;
  close(): Promise<void>;
}

/** Connects and listens; rejects where that fails. A connection that goes silent ends within seconds. */
export async function openListener(
  config: ClientConfig,
  channel: string,
  onPayload: (payload: string) => void,
): Promise<Listener> {
  const client = new Client({ ...config, query_timeout: heartbeat.patience });
  const ended = new Promise<void>((resolve) => {
    client.on('error', () => resolve());
    client.on('end', () => resolve());
  });
  client.on('notification', ({ payload }) => onPayload(payload ?? ''));
  try {
    await client.connect();
    await client.query(`listen ${channel}`);
  } catch (error) {
    await client.end();
    throw error;
  }
  const beat = setInterval(() => {
    // A query that timed out is still pending, and `end` then cuts the socket instead of waiting for a goodbye.
    client.query('select 1').catch(() => client.end());
  }, heartbeat.interval);
  const stopBeating = () => clearInterval(beat);
  void ended.then(stopBeating);
  return {
    ended,
    async close() {
      stopBeating();
      await client.end();
    },
  };
}
