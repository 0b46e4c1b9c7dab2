import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { TLSSocket, checkServerIdentity, connect as connectTls } from 'node:tls';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { DialError } from './dial-error.ts';
import { DialQueue } from './dial-queue.ts';
import type { Waiting } from './dial-queue.ts';
import { freshIdleMs } from './exchange-limits.ts';
import { Http2UpstreamConnection } from './http2-upstream-connection.ts';
import type { Refusal } from './refusals.ts';
import { refusal } from './refusals.ts';
import { handshakeWeight } from './turns.ts';
import type { Turns } from './turns.ts';
import { UpstreamConnection, readBuffer } from './upstream-connection.ts';
import type { LinkFacts, UpstreamLink } from './upstream-link.ts';

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
  /** What is asked for first: a client of HTTP/2, such as gRPC, may need it to the end. */
  prefers: 'http/1.1' | 'h2';
  /** The rule on addresses: null allows, otherwise the refusal. Asked for each address before it is dialled. */
  judgeAddress: (address: string) => Refusal | null;
}

export interface UpstreamOptions {
  /** Roots and protocol floor, built once: parsing a CA list for each connection would block the loop for 4 ms. */
  secureContext: SecureContext;
  connectTo: { host: string; port: number; address: string; toPort: number }[];
  connectTimeoutMs?: number;
  idleTimeoutMs?: number;
  /** What is read of a sandbox's upstreams is read in its turns. */
  turns: Turns;
}

/** As many as one sandbox is likely to use at once at one host: whoever finds none pays for a handshake. */
const maxIdlePerKey = 256;
const maxSessions = 10_000;

/** Idle connections, last in first out, each only for its own sandbox, host and port; dials where there is none. */
export class UpstreamPool {
  readonly #options: Required<UpstreamOptions>;
  readonly #idle = new Map<string, UpstreamConnection[]>();
  /** Connections of HTTP/2, each for many requests at once. */
  readonly #shared = new Map<string, Http2UpstreamConnection[]>();
  readonly #queues = new Map<string, DialQueue>();
  /** Upstreams that have refused HTTP/1.1. */
  readonly #onlyHttp2 = new Set<string>();
  /** Upstreams that were offered HTTP/2 and chose HTTP/1.1. */
  readonly #onlyHttp1 = new Set<string>();
  readonly #all = new Set<UpstreamConnection>();
  readonly #sessions = new Map<string, Buffer>();

  constructor(options: UpstreamOptions) {
    this.#options = { connectTimeoutMs: 10_000, idleTimeoutMs: 15_000, ...options };
  }

  get idleTimeoutMs(): number {
    return this.#options.idleTimeoutMs;
  }

  /** A stream of an open connection, or a connection that has been idle for no more than `maxIdleMs`, or null. */
  take(target: UpstreamTarget, maxIdleMs: number): UpstreamLink | null {
    const open = this.#shared.get(target.key)?.find((each) => each.canOpen);
    if (open !== undefined) return open.link();
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

  /** For whom {@link take} found nothing: the first connection that is free, dialled or given back. */
  wait(waiting: Waiting): void {
    const { key } = waiting.target;
    const open = this.#queues.get(key);
    if (open !== undefined) {
      open.wait(waiting);
      return;
    }
    const queue = new DialQueue({
      dial: (target) => this.dial(target),
      take: (target) => this.take(target, freshIdleMs),
      maySuffice: ({ prefers }) => (prefers === 'h2' && !this.#onlyHttp1.has(key)) || this.#onlyHttp2.has(key),
      done: () => {
        if (this.#queues.get(key) === queue) this.#queues.delete(key);
      },
    });
    this.#queues.set(key, queue);
    queue.wait(waiting);
  }

  /**
   * A new connection, verified where it is TLS, or a stream of one. Resolves the name once, judges every address, and
   * connects to exactly an address that was judged (no second look-up: DNS rebinding has nothing to rebind). Rejects with
   * DialError.
   */
  async dial(target: UpstreamTarget): Promise<UpstreamLink> {
    const addresses = await this.#resolve(target);
    let last = new DialError(refusal('upstream_unreachable', `${target.host}: no address to connect to`), null);
    for (const address of addresses) {
      try {
        const link = await this.#open(target, address);
        if (target.prefers === 'h2' && link.takes === 'bytes') note(this.#onlyHttp1, target.key);
        return link;
      } catch (error) {
        if (!(error instanceof DialError)) throw error;
        last = error;
        // RFC 7301 3.2: it speaks none of what was offered.
        if (error.noProtocol && target.prefers === 'http/1.1' && !this.#onlyHttp2.has(target.key)) {
          note(this.#onlyHttp2, target.key);
          return await this.dial(target);
        }
        // Another address of the same name shows the same certificate: trying on would only hide the reason.
        if (error.refused.code === 'upstream_tls_failed') break;
      }
    }
    throw last;
  }

  #protocols(target: UpstreamTarget): string[] {
    if (target.prefers === 'h2') return ['h2', 'http/1.1'];
    return this.#onlyHttp2.has(target.key) ? ['h2'] : ['http/1.1'];
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

  #open(target: UpstreamTarget, to: { address: string; port: number }): Promise<UpstreamLink> {
    const { key } = target;
    return new Promise((resolve, reject) => {
      const begun = performance.now();
      let connectedAt = begun;
      let connection: { receive(length: number): boolean } | null = null;
      const onread = {
        buffer: readBuffer,
        callback: (length: number) => connection?.receive(length) ?? true,
      };
      const socket = target.tls
        ? this.#connectTls(target, { ...to, onread, key })
        : connectTcp({ host: to.address, port: to.port, onread });
      const share = this.#options.turns.holdOpen(target.sandboxId, socket);
      if (target.tls) share.charge(handshakeWeight);
      const fail = (refused: Refusal, noProtocol = false) => {
        clearTimeout(timer);
        socket.destroy();
        reject(new DialError(refused, to.address, noProtocol));
      };
      const timer = setTimeout(
        () =>
          fail(
            refusal('upstream_timeout', `${target.host}: no connection within ${this.#options.connectTimeoutMs} ms`),
          ),
        this.#options.connectTimeoutMs,
      );
      const onError = (error: NodeJS.ErrnoException) =>
        fail(describeDialFailure(target, error), error.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
      socket.once('error', onError);
      if (target.tls) socket.once('connect', () => (connectedAt = performance.now()));
      socket.once(target.tls ? 'secureConnect' : 'connect', () => {
        socket.setNoDelay(true);
        const facts = linkFacts(socket, { ...to, begun, connectedAt });
        if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') {
          const shared = new Http2UpstreamConnection({ pool: this, socket, share, key, facts });
          connection = { receive: (length) => shared.receive(readBuffer.subarray(0, length)) };
          // What it allows is known with its first settings.
          shared.ready.then(
            () => {
              clearTimeout(timer);
              if (!shared.canOpen) {
                fail(refusal('upstream_protocol_error', `${target.host}: HTTP/2 allows no request`));
                return;
              }
              socket.off('error', onError);
              resolve(shared.link());
            },
            () => fail(refusal('upstream_protocol_error', `${target.host}: HTTP/2 was agreed on and not spoken`)),
          );
          return;
        }
        clearTimeout(timer);
        socket.off('error', onError);
        const single = new UpstreamConnection({ pool: this, socket, share, key, facts });
        connection = single;
        this.#all.add(single);
        resolve(single);
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
      ALPNProtocols: this.#protocols(target),
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
    this.#queues.get(connection.key)?.freed();
  }

  /** @internal used by UpstreamConnection */
  forget(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const list = this.#idle.get(connection.key);
    const index = list?.indexOf(connection) ?? -1;
    if (index >= 0) list?.splice(index, 1);
    if (list?.length === 0) this.#idle.delete(connection.key);
  }

  /** @internal used by Http2UpstreamConnection */
  share(connection: Http2UpstreamConnection): void {
    const list = this.#shared.get(connection.key);
    if (list === undefined) this.#shared.set(connection.key, [connection]);
    else list.push(connection);
  }

  /** @internal used by Http2UpstreamConnection */
  unshare(connection: Http2UpstreamConnection): void {
    const left = (this.#shared.get(connection.key) ?? []).filter((each) => each !== connection);
    if (left.length === 0) this.#shared.delete(connection.key);
    else this.#shared.set(connection.key, left);
  }

  /** Closes what has been idle for too long; called once a second. */
  sweep(now: number): void {
    for (const list of this.#shared.values()) {
      for (const connection of list) if (connection.idleSince + this.#options.idleTimeoutMs <= now) connection.close();
    }
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
    for (const [key, list] of this.#shared) if (key.startsWith(prefix)) for (const each of list) each.closeWhenIdle();
    for (const key of this.#sessions.keys()) if (key.startsWith(prefix)) this.#sessions.delete(key);
  }
}

function linkFacts(
  socket: Socket,
  { address, port, begun, connectedAt }: { address: string; port: number; begun: number; connectedAt: number },
): LinkFacts {
  const now = performance.now();
  const secure = socket instanceof TLSSocket ? socket : null;
  return {
    address,
    port,
    tls: secure?.getProtocol() ?? null,
    alpn: secure === null || secure.alpnProtocol === false ? null : secure.alpnProtocol,
    dialled: Math.round(((secure === null ? now : connectedAt) - begun) * 10),
    handshake: secure === null ? 0 : Math.round((now - connectedAt) * 10),
    used: false,
  };
}

/** Only so many are remembered. */
function note(keys: Set<string>, key: string): void {
  if (keys.size >= maxSessions) keys.clear();
  keys.add(key);
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
