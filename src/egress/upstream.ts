import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls';
import type { Refusal } from './refusals.ts';
import { refusal } from './refusals.ts';

/** Whom a request goes to, once policy has allowed the name. */
export interface UpstreamTarget {
  /** The same for two requests only where one may use the other's connection: sandbox, scheme, host and port. */
  readonly key: string;
  /** Connections, TLS sessions and look-ups are never shared between sandboxes. */
  sandboxId: string;
  /** The name that is verified: lower-case A-label, or an address literal. */
  host: string;
  port: number;
  tls: boolean;
  /** The rule on addresses: null allows, otherwise the refusal. Asked for each address before it is dialled. */
  judgeAddress: (address: string) => Refusal | null;
}

/** What the other end does while a request is under way. */
export interface UpstreamHandler {
  /** `chunk` is lent: it is overwritten after the call. */
  onData(chunk: Buffer): void;
  onEnd(): void;
  onClose(error: Error | null): void;
  onDrain(): void;
}

export interface UpstreamOptions {
  /** Roots and protocol floor, built once: parsing a CA list for each connection would block the loop for 4 ms. */
  secureContext: SecureContext;
  connectTo: { host: string; port: number; address: string; toPort: number }[];
  connectTimeoutMs?: number;
  idleTimeoutMs?: number;
}

/** A dial that did not come to a connection, with what the client is told. */
export class DialError extends Error {
  readonly refused: Refusal;
  readonly address: string | null;
  constructor(refused: Refusal, address: string | null) {
    super(refused.message);
    this.name = 'DialError';
    this.refused = refused;
    this.address = address;
  }
}

const maxIdlePerKey = 32;
const maxSessions = 10_000;

/**
 * Read buffer of every upstream socket in this process. A read lands in it and is handed on before the next read can
 * begin (libuv reads right after it asks for the buffer), so one is enough for all.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** A TCP or TLS connection to one upstream for one sandbox, handed from request to request. */
export class UpstreamConnection {
  readonly socket: Socket;
  readonly key: string;
  readonly address: string;
  handler: UpstreamHandler | null = null;
  /** Requests that it has served before the present one. */
  served = 0;
  idleSince = 0;
  idleUntil = 0;
  readonly #pool: UpstreamPool;
  #paused = false;

  constructor(parts: { pool: UpstreamPool; socket: Socket; key: string; address: string }) {
    this.#pool = parts.pool;
    this.socket = parts.socket;
    this.key = parts.key;
    this.address = parts.address;
    let failure: Error | null = null;
    this.socket.on('error', (error) => (failure = error));
    this.socket.on('end', () => this.#over());
    this.socket.on('close', () => {
      this.#pool.forget(this);
      const { handler } = this;
      this.handler = null;
      handler?.onClose(failure);
    });
    this.socket.on('drain', () => this.handler?.onDrain());
  }

  /** Called by the socket's `onread`. Bytes that nobody asked for end the connection: they would answer the next request. */
  receive(length: number): boolean {
    if (this.handler === null) this.socket.destroy();
    else this.handler.onData(readBuffer.subarray(0, length));
    return true;
  }

  /** Reads no more for now, but for what was read already. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  #over(): void {
    if (this.handler === null) this.socket.destroy();
    else this.handler.onEnd();
  }

  /** Back to the pool, to be used again within `keepAliveMs`, or closed where that is 0. */
  release(keepAliveMs: number): void {
    this.handler = null;
    this.served += 1;
    this.resume();
    this.#pool.keep(this, keepAliveMs);
  }

  destroy(): void {
    this.handler = null;
    this.socket.destroy();
  }
}

/** Idle connections, last in first out, each only for its own sandbox, host and port; dials where there is none. */
export class UpstreamPool {
  readonly #options: Required<UpstreamOptions>;
  readonly #idle = new Map<string, UpstreamConnection[]>();
  readonly #all = new Set<UpstreamConnection>();
  readonly #sessions = new Map<string, Buffer>();

  constructor(options: UpstreamOptions) {
    this.#options = { connectTimeoutMs: 10_000, idleTimeoutMs: 15_000, ...options };
  }

  get idleTimeoutMs(): number {
    return this.#options.idleTimeoutMs;
  }

  /** An idle connection that has been idle for no more than `maxIdleMs`, or null. */
  take(target: UpstreamTarget, maxIdleMs: number): UpstreamConnection | null {
    const list = this.#idle.get(target.key);
    if (list === undefined) return null;
    const now = Date.now();
    for (;;) {
      const connection = list.pop();
      if (connection === undefined) return null;
      if (connection.socket.destroyed || connection.idleUntil <= now) {
        connection.destroy();
        continue;
      }
      if (now - connection.idleSince > maxIdleMs) {
        list.push(connection);
        return null;
      }
      return connection;
    }
  }

  /**
   * A new connection, verified where it is TLS. Resolves the name once, judges every address, and connects to exactly
   * an address that was judged (no second look-up: DNS rebinding has nothing to rebind). Rejects with DialError.
   */
  async dial(target: UpstreamTarget): Promise<UpstreamConnection> {
    const addresses = await this.#resolve(target);
    let last = new DialError(refusal('upstream_unreachable', `${target.host}: no address to connect to`), null);
    for (const address of addresses) {
      try {
        return await this.#open(target, address);
      } catch (error) {
        if (!(error instanceof DialError)) throw error;
        last = error;
        // Another address of the same name shows the same certificate: trying on would only hide the reason.
        if (error.refused.code === 'upstream_tls_failed') break;
      }
    }
    throw last;
  }

  async #resolve(target: UpstreamTarget): Promise<{ address: string; port: number }[]> {
    const override = this.#options.connectTo.find((each) => each.host === target.host && each.port === target.port);
    if (override !== undefined) return [{ address: override.address, port: override.toPort }];
    const found = isIP(target.host) === 0 ? await this.#lookUp(target.host) : [target.host];
    let refused: DialError | null = null;
    const allowed: { address: string; port: number }[] = [];
    for (const address of found) {
      const verdict = target.judgeAddress(address);
      if (verdict === null) allowed.push({ address, port: target.port });
      else refused ??= new DialError(verdict, address);
    }
    if (allowed.length === 0 && refused !== null) throw refused;
    return allowed;
  }

  /** The system's resolver has limits of its own that may be long; whoever waits for it is answered in ours. */
  async #lookUp(host: string): Promise<string[]> {
    const late = Promise.withResolvers<never>();
    const { connectTimeoutMs } = this.#options;
    const message = `${host}: the name was not resolved within ${connectTimeoutMs} ms`;
    const timer = setTimeout(
      () => late.reject(new DialError(refusal('upstream_timeout', message), null)),
      connectTimeoutMs,
    );
    try {
      const found = await Promise.race([lookup(host, { all: true, order: 'verbatim' }), late.promise]);
      return found.map((each) => each.address);
    } catch (error) {
      if (error instanceof DialError) throw error;
      throw new DialError(refusal('upstream_unreachable', `${host}: the name does not resolve`), null);
    } finally {
      clearTimeout(timer);
    }
  }

  #open(target: UpstreamTarget, to: { address: string; port: number }): Promise<UpstreamConnection> {
    const { key } = target;
    return new Promise((resolve, reject) => {
      let connection: UpstreamConnection | null = null;
      const onread = {
        buffer: readBuffer,
        callback: (length: number) => connection?.receive(length) ?? true,
      };
      const socket = target.tls
        ? this.#connectTls(target, { ...to, onread, key })
        : connectTcp({ host: to.address, port: to.port, onread });
      const fail = (refused: Refusal) => {
        clearTimeout(timer);
        socket.destroy();
        reject(new DialError(refused, to.address));
      };
      const timer = setTimeout(
        () =>
          fail(
            refusal('upstream_timeout', `${target.host}: no connection within ${this.#options.connectTimeoutMs} ms`),
          ),
        this.#options.connectTimeoutMs,
      );
      const onError = (error: NodeJS.ErrnoException) => fail(describeDialFailure(target, error));
      socket.once('error', onError);
      socket.once(target.tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', onError);
        socket.setNoDelay(true);
        connection = new UpstreamConnection({ pool: this, socket, key, address: to.address });
        this.#all.add(connection);
        resolve(connection);
      });
    });
  }

  #connectTls(
    target: UpstreamTarget,
    to: {
      address: string;
      port: number;
      key: string;
      onread: { buffer: Buffer; callback: (length: number) => boolean };
    },
  ): TLSSocket {
    const session = this.#sessions.get(to.key);
    // `onread` is documented for tls.connect (as for net.connect) but missing from its type.
    const options: ConnectionOptions & { onread: typeof to.onread } = {
      host: to.address,
      port: to.port,
      secureContext: this.#options.secureContext,
      // RFC 6066 3: literal addresses are not permitted in SNI.
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
      checkServerIdentity: (_name, certificate) => checkServerIdentity(target.host, certificate),
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
      onread: to.onread,
    };
    const socket = connectTls(options);
    socket.on('session', (fresh) => {
      if (this.#sessions.size >= maxSessions) this.#sessions.clear();
      this.#sessions.set(to.key, fresh);
    });
    return socket;
  }

  /** @internal used by UpstreamConnection */
  keep(connection: UpstreamConnection, keepAliveMs: number): void {
    let list = this.#idle.get(connection.key);
    if (list === undefined) this.#idle.set(connection.key, (list = []));
    if (keepAliveMs <= 0 || connection.socket.destroyed || list.length >= maxIdlePerKey) {
      connection.destroy();
      return;
    }
    connection.idleSince = Date.now();
    connection.idleUntil = connection.idleSince + Math.min(keepAliveMs, this.#options.idleTimeoutMs);
    list.push(connection);
  }

  /** @internal used by UpstreamConnection */
  forget(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const list = this.#idle.get(connection.key);
    const index = list?.indexOf(connection) ?? -1;
    if (index >= 0) list?.splice(index, 1);
    if (list?.length === 0) this.#idle.delete(connection.key);
  }

  /** Closes what has been idle for too long; called once a second. */
  sweep(now: number): void {
    for (const list of this.#idle.values()) {
      for (const connection of list) if (connection.idleUntil <= now) connection.destroy();
    }
  }

  /** Forgets idle connections and sessions of a sandbox that is gone. */
  dropSandbox(sandboxId: string): void {
    const prefix = `${sandboxId}|`;
    for (const connection of this.#all) {
      if (connection.handler === null && connection.key.startsWith(prefix)) connection.destroy();
    }
    for (const key of this.#sessions.keys()) if (key.startsWith(prefix)) this.#sessions.delete(key);
  }
}

function describeDialFailure(target: UpstreamTarget, error: NodeJS.ErrnoException): Refusal {
  const code = error.code ?? '';
  const place = `${target.host}:${target.port}`;
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'].includes(code)) {
    return refusal('upstream_unreachable', `${place} cannot be reached (${code})`);
  }
  if (target.tls)
    return refusal('upstream_tls_failed', `${place}: TLS failed (${code === '' ? 'no reason given' : code})`);
  return refusal('upstream_unreachable', `${place}: the connection failed (${code})`);
}
