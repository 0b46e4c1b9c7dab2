import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import type { StoredEvent } from '../../src/store/trail.ts';
import { waitUntil } from './processes.ts';
import type { StandinServer } from './standin-server.ts';

/** A connection's row as a test compares it. */
export type ConnectionRow = Pick<
  StoredEvent,
  'host' | 'dstIp' | 'dstPort' | 'verdict' | 'matchRule' | 'bytesSent' | 'bytesRecv'
>;

/** Reads the rows of connections out of a server's database. */
export class RowReader {
  readonly #store: Store;

  private constructor(store: Store) {
    this.#store = store;
  }

  static async open({ server: { dataDir } }: { server: StandinServer }): Promise<RowReader> {
    const file = readdirSync(dataDir).find((name) => /\.(db|sqlite)$/.test(name));
    if (file === undefined) throw new Error(`${dataDir} holds no database`);
    return new RowReader(await openStore(`sqlite:${join(dataDir, file)}`));
  }

  /** Rows of a sandbox's connections, oldest first. */
  async rows(sandboxId: string): Promise<ConnectionRow[]> {
    const events = await this.#store.events.bySandbox(sandboxId, { limit: 200 });
    return events
      .filter(({ kind }) => kind === 'connection')
      .toReversed()
      .map(({ host, dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv }) => {
        return { host, dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv };
      });
  }

  /** The same, as soon as there are `count` of them; a throw where there are more. */
  async expect(sandboxId: string, count: number): Promise<ConnectionRow[]> {
    let rows: ConnectionRow[] = [];
    await waitUntil(
      async () => {
        rows = await this.rows(sandboxId);
        return rows.length >= count;
      },
      { what: `${count} rows of connections` },
    );
    if (rows.length > count) throw new Error(`more than ${count}: ${JSON.stringify(rows)}`);
    return rows;
  }

  /** The only row there is. */
  async only(sandboxId: string): Promise<ConnectionRow> {
    const [row] = await this.expect(sandboxId, 1);
    if (row === undefined) throw new Error('unreachable');
    return row;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
