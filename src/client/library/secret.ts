import { NotFoundError } from '../errors.ts';
import { connectionOf } from './connection.ts';
import type { CallOptions, Connection, ConnectionOptions } from './connection.ts';
import { createBody } from './secret-info.ts';
import type {
  OnTripwire,
  ProxyAuditEvent,
  RequestSketch,
  SecretAuditOptions,
  SecretAuthType,
  SecretCreateOptions,
  SecretExplanation,
  SecretInfo,
  SecretSandboxBinding,
  SecretSearchOptions,
  SecretTest,
  SecretVersion,
} from './secret-info.ts';
import { fromWire } from './wire.ts';

/**
 * A credential in the vault. Its value goes in and never comes out: no property and no answer has it. A sandbox that it
 * is bound to sees a stand-in.
 *
 * @example
 * await Secret.create({ name: 'anthropic-prod', value: key, provider: 'anthropic' });
 */
export class Secret implements SecretInfo {
  readonly id: string;
  readonly name: string;
  readonly authType: SecretAuthType;
  readonly authConfig: Record<string, unknown>;
  readonly hosts: string[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
  declare readonly providerShortcut?: string;
  readonly onTripwire: OnTripwire;
  declare readonly lastUsedAt?: Date;
  readonly #connection: Connection;

  private constructor(connection: Connection, info: SecretInfo) {
    this.#connection = connection;
    this.id = info.id;
    this.name = info.name;
    this.authType = info.authType;
    this.authConfig = info.authConfig;
    this.hosts = info.hosts;
    this.createdAt = info.createdAt;
    this.updatedAt = info.updatedAt;
    this.onTripwire = info.onTripwire;
    if (info.providerShortcut !== undefined) this.providerShortcut = info.providerShortcut;
    if (info.lastUsedAt !== undefined) this.lastUsedAt = info.lastUsedAt;
  }

  /** Stores a credential: with a `provider` of the catalogue, or with `auth` and `hosts` of your own. */
  static async create(options: SecretCreateOptions): Promise<Secret> {
    const connection = connectionOf(options);
    const made = await connection.call('createSecret', { body: createBody(options), ...connection.limits(options) });
    return new Secret(connection, fromWire(made));
  }

  /** One secret by its name. Throws NotFoundError. */
  static async get(name: string, options: ConnectionOptions = {}): Promise<Secret> {
    const connection = connectionOf(options);
    const found = await connection.call('getSecret', { params: { name }, ...connection.limits(options) });
    return new Secret(connection, fromWire(found));
  }

  /** Every live secret of the team, newest first. */
  static async list(options: ConnectionOptions = {}): Promise<SecretInfo[]> {
    const connection = connectionOf(options);
    return fromWire(await connection.call('listSecrets', connection.limits(options)));
  }

  /** Those that fit, page by page as the loop goes on, for a team with very many. */
  static async *all(options: SecretSearchOptions = {}): AsyncGenerator<SecretInfo, void, undefined> {
    const connection = connectionOf(options);
    const { search, sort, limit = 200 } = options;
    for (let before: string | undefined; ;) {
      let next: string | null = null;
      const found = await connection.call('listSecrets', {
        query: { search, sort, limit, before },
        onHeaders: (headers) => {
          next = headers.get('x-next-cursor');
        },
        ...connection.limits(options),
      });
      yield* fromWire(found);
      if (next === null) return;
      before = next;
    }
  }

  /** Revokes it everywhere at once. One that is gone already is no error. */
  static async deleteByName(name: string, options: ConnectionOptions = {}): Promise<void> {
    const connection = connectionOf(options);
    await removed(connection.call('deleteSecret', { params: { name }, ...connection.limits(options) }));
  }

  /** The secret as it is now; the properties of this object stay as they were. */
  async getInfo(options: CallOptions = {}): Promise<SecretInfo> {
    return fromWire(await this.#connection.call('getSecret', this.#named(options)));
  }

  /** Replaces the value: the next request through the proxy uses it. Answers the secret as it is then. */
  async rotate(value: string, options: CallOptions = {}): Promise<Secret> {
    const body = { value };
    return new Secret(
      this.#connection,
      fromWire(await this.#connection.call('rotateSecret', { body, ...this.#named(options) })),
    );
  }

  /** Changes what happens when a stand-in of it is seen where it must not be. */
  async setOnTripwire(onTripwire: OnTripwire, options: CallOptions = {}): Promise<Secret> {
    const body = { on_tripwire: onTripwire };
    return new Secret(
      this.#connection,
      fromWire(await this.#connection.call('rotateSecret', { body, ...this.#named(options) })),
    );
  }

  /** Revokes it everywhere at once. One that is gone already is no error. */
  async delete(options: CallOptions = {}): Promise<void> {
    await removed(this.#connection.call('deleteSecret', this.#named(options)));
  }

  /** One page of what the proxy did with it, in whatever sandbox, newest first. */
  async getAudit(options: SecretAuditOptions = {}): Promise<ProxyAuditEvent[]> {
    const { limit, before, status, kind } = options;
    const query = { limit, before, status, kind };
    return fromWire(await this.#connection.call('getSecretAudit', { query, ...this.#named(options) }));
  }

  /**
   * All of it, newest first, page by page as the loop goes on; `limit` is the size of a page.
   *
   * @example
   * for await (const event of secret.audit({ status: 'errors' })) console.log(event.host, event.errorCode);
   */
  async *audit(options: SecretAuditOptions = {}): AsyncGenerator<ProxyAuditEvent, void, undefined> {
    const limit = options.limit ?? 200;
    for (let before = options.before; ;) {
      const page = await this.getAudit({ ...options, limit, ...(before === undefined ? {} : { before }) });
      yield* page;
      before = page.at(-1)?.id;
      if (page.length < limit) return;
    }
  }

  /** The sandboxes that it is bound to. */
  async getSandboxes(options: CallOptions = {}): Promise<SecretSandboxBinding[]> {
    return fromWire(await this.#connection.call('getSecretSandboxes', this.#named(options)));
  }

  /** Its values by number and time, newest first. */
  async getVersions(options: CallOptions = {}): Promise<SecretVersion[]> {
    return fromWire(await this.#connection.call('listSecretVersions', this.#named(options)));
  }

  /** One harmless call to its provider, or to `url` at one of its own hosts: does the key work? */
  async test(options: CallOptions & { method?: string; url?: string } = {}): Promise<SecretTest> {
    const body = { method: options.method, url: options.url };
    return fromWire(await this.#connection.call('testSecret', { body, ...this.#named(options) }));
  }

  /** Whether a request like this would be swapped. Nothing is sent. */
  async explain(request: RequestSketch, options: CallOptions = {}): Promise<SecretExplanation> {
    return fromWire(await this.#connection.call('explainSecret', { body: request, ...this.#named(options) }));
  }

  #named(options: CallOptions) {
    return { params: { name: this.name }, ...this.#connection.limits(options) };
  }
}

/** Resolves also where what is to go was gone already. */
async function removed(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}
