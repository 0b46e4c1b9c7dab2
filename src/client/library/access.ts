import { AuthenticationError, UnavailableError } from '../errors.ts';
import type { Connection } from './connection.ts';

/** The access token of one sandbox, which a pause, another client or a resume makes stale. */
export class Access {
  readonly id: string;
  readonly #connection: Connection;
  #token: string;
  #renewal: Promise<void> | undefined;

  constructor(connection: Connection, sandbox: { id: string; access_token: string }) {
    this.#connection = connection;
    this.id = sandbox.id;
    this.#token = sandbox.access_token;
  }

  /** As the data plane wants it. */
  get current(): { id: string; access_token: string } {
    return { id: this.id, access_token: this.#token };
  }

  replace(token: string): void {
    this.#token = token;
  }

  /**
   * Runs `work`; where the token is stale or the sandbox paused (nothing was begun then), resumes it and runs `work`
   * once more.
   */
  async use<Result>(work: (sandbox: { id: string; access_token: string }) => Promise<Result>): Promise<Result> {
    const { current } = this;
    try {
      return await work(current);
    } catch (error) {
      const stale = error instanceof AuthenticationError && error.status === 401;
      if (!stale && !(error instanceof UnavailableError)) throw error;
      if (this.#token === current.access_token) await this.renew();
      return work(this.current);
    }
  }

  /** Makes sure that the sandbox runs, and takes its fresh token. Callers at the same time share one request. */
  async renew(): Promise<void> {
    this.#renewal ??= this.#activate().finally(() => {
      this.#renewal = undefined;
    });
    await this.#renewal;
  }

  async #activate(): Promise<void> {
    const limits = this.#connection.limits({});
    const active = await this.#connection.call('activateSandbox', { params: { id: this.id }, ...limits });
    this.#token = active.access_token;
  }
}
