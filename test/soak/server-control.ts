import type { Client } from '../../src/client/client.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { valuePatterns } from './marks.ts';
import { StreamSearch } from './stream-search.ts';
import type { Findings } from './violations.ts';

/** `standin serve` across its restarts, always on the same data directory. */
export class ServerControl {
  readonly #options: { dataDir: string; apiKey: string; env: Record<string, string> };
  readonly #findings: Findings;
  #server: StandinServer | null = null;
  /** When each end began that left no time for last words. */
  readonly killedAt: number[] = [];
  starts = 0;
  logBytes = 0;

  constructor(options: { dataDir: string; apiKey: string; env: Record<string, string> }, findings: Findings) {
    this.#options = options;
    this.#findings = findings;
  }

  get current(): StandinServer | null {
    return this.#server;
  }

  /** Throws where it is down. */
  get client(): Client {
    if (this.#server === null) throw new Error('the server is down');
    return this.#server.client;
  }

  async start(): Promise<StandinServer> {
    this.#server = await startStandin(this.#options);
    this.starts += 1;
    return this.#server;
  }

  /** SIGTERM: it must end with 0. */
  async terminate(): Promise<void> {
    const server = this.#take();
    const { code, signal } = await server.program.stop('SIGTERM', { graceMs: 40_000 });
    if (code !== 0) this.#findings.violate('tool', `SIGTERM ended the server with ${signal ?? code}`);
    this.#searchLog(server);
  }

  async kill(): Promise<void> {
    const server = this.#take();
    this.killedAt.push(Date.now());
    await server.program.stop('SIGKILL');
    this.#searchLog(server);
  }

  #take(): StandinServer {
    const server = this.#server;
    if (server === null) throw new Error('the server is down');
    this.#server = null;
    return server;
  }

  #searchLog({ program }: StandinServer): void {
    for (const [name, text] of [
      ['stdout', program.stdout()],
      ['stderr', program.stderr()],
    ] as const) {
      const search = new StreamSearch(valuePatterns);
      for (const { form, around } of search.push(Buffer.from(text))) {
        this.#findings.violate('value_written', `${name} of the server (${form}): ${around}`);
      }
      this.logBytes += search.bytes;
    }
  }
}
