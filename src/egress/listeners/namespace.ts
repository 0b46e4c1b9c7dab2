import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { EgressContext } from '../context.ts';
import type { FreshNames, GivenNames } from '../given-names.ts';
import { openTunnel } from '../tunnel.ts';
import { serveProxyPort } from './proxy.ts';
import { serveDnsOverTcp, serveDnsOverUdp } from './dns.ts';
import { SyntheticDns } from './synthetic-dns.ts';

type Kind = 'http' | 'https' | 'proxy' | 'dns-udp' | 'dns-tcp' | 'other';

interface Namespace {
  readonly dns: SyntheticDns;
  readonly servers: Server[];
  readonly udp: UdpSocket[];
}

/**
 * Accepts on the listening sockets of sandboxes' network namespaces. The listener says which sandbox is calling, the
 * socket's local address says which address was dialled, and the sandbox's own resolver says under which name.
 */
export class NamespaceListeners {
  readonly #context: EgressContext;
  readonly #onNames: (named: FreshNames) => void;
  readonly #sandboxes = new Map<string, Namespace>();
  /** Names that were given addresses in this turn of the loop. */
  readonly #fresh = new Map<string, FreshNames>();

  /** `onNames` is told which names the resolvers give addresses to, before long. */
  constructor(context: EgressContext, onNames: (named: FreshNames) => void) {
    this.#context = context;
    this.#onNames = onNames;
  }

  /** What the resolver of a sandbox gave out in another worker; before its listeners come. */
  know(sandboxId: string, given: GivenNames): void {
    this.#namespace(sandboxId).dns.goOn(given);
  }

  #namespace(sandboxId: string): Namespace {
    let sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined) {
      const dns = new SyntheticDns((number, name) => this.#noteName(sandboxId, number, name));
      this.#sandboxes.set(sandboxId, (sandbox = { dns, servers: [], udp: [] }));
    }
    return sandbox;
  }

  #noteName(sandboxId: string, number: number, name: string): void {
    const fresh = this.#fresh.get(sandboxId);
    if (fresh !== undefined) {
      fresh.names.push(name);
      return;
    }
    if (this.#fresh.size === 0) setImmediate(() => this.#tellNames());
    this.#fresh.set(sandboxId, { sandboxId, first: number, names: [name] });
  }

  #tellNames(): void {
    for (const named of this.#fresh.values()) this.#onNames(named);
    this.#fresh.clear();
  }

  /** `handle` is native: bound, and not yet listening or receiving. */
  listen(sandboxId: string, listener: { kind: Kind; port: number; handle: object }): void {
    const sandbox = this.#namespace(sandboxId);
    if (listener.kind === 'dns-udp') {
      const socket = createSocket('udp6');
      sandbox.udp.push(socket);
      serveDnsOverUdp(socket, sandbox.dns);
      takeOver(socket, listener.handle);
      return;
    }
    const { kind, port } = listener;
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false }, (socket) =>
      this.#accept(sandboxId, { kind, port, socket, dns: sandbox.dns }),
    );
    server.on('error', (error) => this.#context.log.error({ err: error, sandboxId }, 'a namespace listener failed'));
    server.listen(listener.handle);
    sandbox.servers.push(server);
  }

  #accept(sandboxId: string, call: { kind: Kind; port: number; socket: Socket; dns: SyntheticDns }): void {
    const { socket } = call;
    if (call.kind === 'dns-tcp') {
      serveDnsOverTcp(socket, call.dns);
    } else if (call.kind === 'proxy') {
      serveProxyPort(this.#context, socket, sandboxId);
    } else {
      const address = socket.localAddress ?? '';
      // Of the socket for all other ports its own is the one that was dialled.
      const dialled = { address, port: socket.localPort ?? call.port, name: call.dns.nameOf(address) };
      openTunnel(this.#context, socket, { sandboxId, connect: null, dialled });
    }
  }

  close(sandboxId: string): void {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined) return;
    this.#sandboxes.delete(sandboxId);
    for (const server of sandbox.servers) server.close();
    for (const socket of sandbox.udp) socket.close();
  }

  closeAll(): void {
    for (const sandboxId of this.#sandboxes.keys()) this.close(sandboxId);
  }
}

/** `dgram.Socket.bind` takes a bound native handle as `net.Server.listen` does; its types know only ports. */
function takeOver(socket: UdpSocket, handle: object): void {
  const bind: (handle: object) => void = socket.bind.bind(socket);
  bind(handle);
}
