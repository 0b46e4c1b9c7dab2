import type { Socket } from 'node:net';
import type { Authority } from '../../net/hostname.ts';
import { admitTunnel } from '../admit-tunnel.ts';
import { holdConnection } from '../context.ts';
import type { EgressContext } from '../context.ts';
import { authenticate, ownSandbox } from '../identify.ts';
import { endWith } from '../last-words.ts';
import type { SandboxEntry } from '../registry.ts';
import type { Refusal } from '../refusals.ts';
import { openTunnel } from '../tunnel.ts';
import { Socks5Session } from './socks5.ts';
import type { SocksStep } from './socks5.ts';

export const socks5Version = 5;
export const socks4Version = 4;

/** From the first byte to the request. */
const sessionLimitMs = 30_000;
const unknownPlace = { host: '', port: 0 };

/**
 * SOCKS 5 on the proxy's port: the user name is the sandbox's id and the password its proxy token, as with
 * `Proxy-Authorization`, and what is asked for goes the way of a CONNECT. `succeeded` is said as soon as the rules allow
 * the place: whether it can be reached is not known before the bytes inside say what to dial it for.
 */
export function serveSocks(context: EgressContext, socket: Socket, sandboxId: string | null): void {
  new SocksConnection(context, socket, sandboxId).begin();
}

class SocksConnection {
  readonly #context: EgressContext;
  readonly #socket: Socket;
  readonly #sandboxId: string | null;
  readonly #session: Socks5Session;
  readonly #release: () => void;
  #entry: SandboxEntry | null = null;
  #over = false;

  constructor(context: EgressContext, socket: Socket, sandboxId: string | null) {
    this.#context = context;
    this.#socket = socket;
    this.#sandboxId = sandboxId;
    this.#session = new Socks5Session({ authenticates: sandboxId === null });
    this.#release = holdConnection(context, socket, { sandboxId, limitMs: sessionLimitMs });
  }

  begin(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
    this.#socket.resume();
  }

  readonly #onEnd = () => this.#socket.destroy();

  readonly #onData = (chunk: Buffer) => {
    this.#session.push(chunk);
    this.#goOn();
  };

  #goOn(): void {
    while (!this.#over && !this.#socket.destroyed) {
      const step = this.#session.next();
      if (step.kind === 'answer') this.#socket.write(step.bytes);
      else {
        this.#take(step);
        return;
      }
    }
  }

  #take(step: Exclude<SocksStep, { kind: 'answer' }>): void {
    // Until it is judged nothing more is read, or a client could have us hold what it likes.
    if (step.kind === 'credentials' || step.kind === 'connect') this.#socket.pause();
    if (step.kind === 'refused') this.#end(step.bytes);
    else if (step.kind === 'credentials') this.#authenticate(step);
    else if (step.kind === 'connect') this.#connect(step);
  }

  #authenticate({ id, token }: SocksStep & { kind: 'credentials' }): void {
    // The listener of a namespace says who calls, whatever the client does.
    if (this.#sandboxId !== null) {
      this.#accepted();
      return;
    }
    const remoteAddress = this.#socket.remoteAddress ?? '';
    authenticate(this.#context, { id, token, remoteAddress, place: () => unknownPlace }, (found) => {
      if (this.#socket.destroyed) return;
      if ('code' in found) {
        this.#end(this.#session.refuse('credentials', 'general_failure'));
        return;
      }
      this.#entry = found;
      this.#accepted();
    });
  }

  #accepted(): void {
    this.#socket.write(this.#session.accept('credentials'));
    this.#socket.resume();
    this.#goOn();
  }

  #connect({ to }: SocksStep & { kind: 'connect' }): void {
    const known = this.#entry;
    if (known !== null) this.#admit(known, to);
    else if (this.#sandboxId !== null) ownSandbox(this.#context, this.#sandboxId, (found) => this.#admit(found, to));
  }

  #admit(found: SandboxEntry | Refusal, to: Authority): void {
    if (this.#socket.destroyed) return;
    const refused = 'code' in found ? found : admitTunnel(this.#context, found, to);
    if ('code' in found || refused !== null) {
      const reply = refused?.code === 'vault_unavailable' ? 'general_failure' : 'not_allowed';
      this.#end(this.#session.refuse('connect', reply));
      return;
    }
    const { rest } = this.#session;
    this.#stop();
    this.#socket.write(this.#session.accept('connect'));
    if (rest.length > 0) this.#socket.unshift(rest);
    openTunnel(this.#context, this.#socket, { sandboxId: found.snapshot.id, connect: to, dialled: null });
  }

  #end(bytes: Buffer): void {
    this.#stop();
    endWith(this.#context, this.#socket, bytes);
  }

  #stop(): void {
    this.#over = true;
    this.#release();
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
  }
}
