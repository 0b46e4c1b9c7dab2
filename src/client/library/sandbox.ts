import type { Answer } from '../../contract/operations.ts';
import { NotFoundError, ValidationError } from '../errors.ts';
import { Access } from './access.ts';
import { Commands } from './commands.ts';
import { connectionOf } from './connection.ts';
import type { CallOptions, Connection, ConnectionOptions } from './connection.ts';
import { networkLogPage } from './network-log.ts';
import type { NetworkEvent, NetworkLogOptions, NetworkLogPage } from './network-log.ts';
import { notInPage } from './no-egress-fetch.ts';
import { Previews } from './previews.ts';
import { createBody, updateBody } from './sandbox-info.ts';
import type {
  SandboxCreateOptions,
  SandboxEgress,
  SandboxInfo,
  SandboxSecretBinding,
  SandboxStatus,
  SandboxUpdateOptions,
} from './sandbox-info.ts';
import { Files } from './sandbox-files.ts';
import { fromWire } from './wire.ts';

/** What `Sandbox.list` takes. */
export interface SandboxListOptions extends ConnectionOptions {
  /** Only those with all of these. */
  metadata?: Record<string, string>;
  /** Only those in one of these states. */
  status?: SandboxStatus | SandboxStatus[];
  /** 1 to 1000. Default: all of them. */
  limit?: number;
  offset?: number;
}

/**
 * A place to run code that nobody trusts: its variables hold stand-ins, and all of its traffic goes through the proxy.
 *
 * @example
 * await using sandbox = await Sandbox.create({ name: 'agent', secrets: { ANTHROPIC_API_KEY: 'anthropic-prod' } });
 * const { stdout } = await sandbox.commands.run('python3 agent.py');
 */
export class Sandbox {
  readonly id: string;
  readonly name: string;
  /** As it was when this object was made; so are `metadata` and `secrets`. See `getInfo`. */
  readonly status: SandboxStatus;
  readonly metadata: Record<string, string>;
  readonly secrets: SandboxSecretBinding[];
  /** Runs commands in it. */
  readonly commands: Commands;
  /** Its files. */
  readonly files: Files;
  /** Its ports that can be seen from outside. */
  readonly previews: Previews;
  readonly #connection: Connection;
  readonly #access: Access;
  readonly #made: boolean;
  #egress: SandboxEgress;

  private constructor(connection: Connection, answer: Answer<'createSandbox'>, { made }: { made: boolean }) {
    const info = fromWire(answer);
    this.#connection = connection;
    this.#access = new Access(connection, answer);
    this.#egress = info.egress;
    this.#made = made;
    this.id = info.id;
    this.name = info.name;
    this.status = info.status;
    this.metadata = info.metadata;
    this.secrets = info.secrets;
    this.commands = new Commands(connection, this.#access);
    this.files = new Files(connection, this.#access);
    this.previews = new Previews(connection, info.id);
  }

  /** Makes a sandbox. It runs when this resolves. */
  static async create(options: SandboxCreateOptions): Promise<Sandbox> {
    const connection = connectionOf(options);
    const made = await connection.call('createSandbox', { body: createBody(options), ...connection.limits(options) });
    return new Sandbox(connection, made, { made: true });
  }

  /** A handle to one that is there, by its id; a paused one is resumed. */
  static async connect(sandboxId: string, options: ConnectionOptions = {}): Promise<Sandbox> {
    const connection = connectionOf(options);
    const active = await connection.call('activateSandbox', {
      params: { id: sandboxId },
      ...connection.limits(options),
    });
    return new Sandbox(connection, active, { made: false });
  }

  /** A handle to one that is there, by its id, as it is: a command or a file resumes it where it is paused. */
  static async get(sandboxId: string, options: ConnectionOptions = {}): Promise<Sandbox> {
    const connection = connectionOf(options);
    const found = await connection.call('getSandbox', { params: { id: sandboxId }, ...connection.limits(options) });
    return new Sandbox(connection, found, { made: false });
  }

  /** Sandboxes of the team, newest first. */
  static async list(options: SandboxListOptions = {}): Promise<SandboxInfo[]> {
    const connection = connectionOf(options);
    const { metadata, limit, offset } = options;
    const status = options.status === undefined ? undefined : [options.status].flat();
    const query = { metadata, status, limit, offset };
    return fromWire(await connection.call('listSandboxes', { query, ...connection.limits(options) }));
  }

  /** Ends one by its id. One that is gone already is no error. */
  static async killById(sandboxId: string, options: ConnectionOptions = {}): Promise<void> {
    const connection = connectionOf(options);
    await remove(connection, sandboxId, options);
  }

  /** Changes one by its id, and does not resume it. */
  static async updateById(
    sandboxId: string,
    change: SandboxUpdateOptions,
    options: ConnectionOptions = {},
  ): Promise<void> {
    const connection = connectionOf(options);
    const body = updateBody(change);
    await connection.call('updateSandbox', { params: { id: sandboxId }, body, ...connection.limits(options) });
  }

  /** The sandbox as it is now. */
  async getInfo(options: CallOptions = {}): Promise<SandboxInfo> {
    const found = await this.#connection.call('getSandbox', this.#of(options));
    const { access_token: _token, egress: _egress, ...info } = found;
    return fromWire(info);
  }

  /** Freezes every process; nothing is lost. */
  async pause(options: CallOptions = {}): Promise<void> {
    await this.#connection.call('pauseSandbox', this.#of(options));
  }

  /** Lets it go on. `commands` and `files` take the fresh access token. */
  async resume(options: CallOptions = {}): Promise<void> {
    const resumed = await this.#connection.call('resumeSandbox', this.#of(options));
    this.#access.replace(resumed.access_token);
  }

  /** Ends it and all that is in it. One that is gone already is no error. */
  async kill(options: CallOptions = {}): Promise<void> {
    await remove(this.#connection, this.id, options);
  }

  /** Changes metadata, network rules or times. */
  async update(change: SandboxUpdateOptions, options: CallOptions = {}): Promise<void> {
    await this.#connection.call('updateSandbox', { body: updateBody(change), ...this.#of(options) });
  }

  /** Binds a secret to a variable: commands started from now on see its stand-in. */
  async attachSecret(envKey: string, secretName: string, options: CallOptions = {}): Promise<void> {
    const body = { env_key: envKey, secret_name: secretName };
    await this.#connection.call('attachSecret', { body, ...this.#of(options) });
  }

  /** Unbinds a variable: its stand-in stops working at once. */
  async detachSecret(envKey: string, options: CallOptions = {}): Promise<void> {
    const { params, ...limits } = this.#of(options);
    await this.#connection.call('detachSecret', { params: { ...params, env_key: envKey }, ...limits });
  }

  /** One page of what left it, newest first. */
  getNetworkLog(options: NetworkLogOptions = {}): Promise<NetworkLogPage> {
    return networkLogPage(this.#connection, this.id, options);
  }

  /**
   * All that left it, newest first, page by page as the loop goes on; `limit` is the size of a page.
   *
   * @example
   * for await (const row of sandbox.networkLog({ verdict: 'blocked' })) console.log(row.host);
   */
  async *networkLog(options: NetworkLogOptions = {}): AsyncGenerator<NetworkEvent, void, undefined> {
    for (let next: NetworkLogOptions | undefined = { limit: 200, ...options }; next !== undefined;) {
      const { events, nextCursor, hasMore }: NetworkLogPage = await this.getNetworkLog(next);
      yield* events;
      next = hasMore && nextCursor !== undefined ? { ...next, before: nextCursor } : undefined;
    }
  }

  /** The address of a port: `previews.url`. Nothing is sent. */
  getPreviewUrl(port: number): string {
    return this.previews.url(port);
  }

  /**
   * What a program that runs elsewhere needs to reach the proxy as this sandbox. The URL has its token only where this
   * object made the sandbox or rotated the token. A getter, so that printing the sandbox does not print it.
   */
  get egress(): SandboxEgress {
    return this.#egress;
  }

  /** A new proxy token; the old one stops working. `egress` and `fetch` have it from now on. */
  async rotateEgressToken(options: CallOptions = {}): Promise<SandboxEgress> {
    this.#egress = fromWire(await this.#connection.call('rotateEgressToken', this.#of(options)));
    return this.#egress;
  }

  /**
   * `fetch` as this sandbox: the request goes through its egress proxy, by its rules, into its network log; a stand-in in
   * it (`sandbox.egress.env`) is swapped. For Node, with the sandboxes that you run yourself. A page in a browser cannot
   * choose a proxy: there it throws.
   *
   * @example
   * const { ANTHROPIC_API_KEY = '' } = sandbox.egress.env;
   * const response = await sandbox.fetch('https://api.anthropic.com/v1/models', {
   *   headers: { 'x-api-key': ANTHROPIC_API_KEY, 'anthropic-version': '2023-06-01' },
   * });
   */
  async fetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
    if (new URL(this.#egress.proxyUrl).password === '') {
      const message = 'the proxy token of this sandbox is not known here: call rotateEgressToken() first';
      throw new ValidationError(message, { code: 'bad_request', status: 400 });
    }
    if (typeof process === 'undefined') throw notInPage();
    const { egressFetch } = await import('./egress-fetch.ts');
    return egressFetch(this.#egress, input, init);
  }

  /** At the end of `await using`: kills it where this object made it; one that was connected to stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#made) await this.kill();
  }

  #of(options: CallOptions) {
    return { params: { id: this.id }, ...this.#connection.limits(options) };
  }
}

async function remove(connection: Connection, id: string, options: CallOptions): Promise<void> {
  try {
    await connection.call('deleteSandbox', { params: { id }, ...connection.limits(options) });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}
