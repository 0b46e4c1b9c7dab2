import { echoes, faults, pathOf } from '../behaviours.ts';
import type { Behaviour } from '../behaviours.ts';
import type { Asked, Binding } from '../ledger.ts';
import { credentialField, plainHost } from '../plan.ts';
import type { PlannedSecret } from '../plan.ts';
import type { Box, World } from '../world.ts';
import { attempt, judgeEcho } from './attempt.ts';
import { openLine, readAnswer } from './line.ts';
import type { Line } from './line.ts';

/** What a client of HTTP/1.1 sends next. */
export interface Sending {
  kind: string;
  behaviour: Behaviour;
  /** Null: to the host that no secret names. */
  secret: PlannedSecret | null;
  upload?: Buffer;
}

/** Something usual, an echo or an upstream's fault, with the stand-in of some secret of this sandbox, or with none. */
export function anySending(world: World, box: Box, kind: string): Sending {
  const { random } = world;
  const behaviour = random.pick<Behaviour>(random.once(8) ? faults : random.once(3) ? ['empty'] : echoes);
  const secret = random.once(8) ? null : random.pick(world.secretsOf(box.plan.index).filter(isHttp1));
  return { kind, behaviour, secret };
}

function isHttp1({ envKey }: PlannedSecret): boolean {
  return envKey !== 'HTTP2';
}

/** Keeps a connection for each host and sends one request after the other; `ends` after each where it is not kept. */
export class Http1Client {
  readonly #world: World;
  readonly #box: Box;
  readonly #options: { way: 'connect' | 'socks'; keep: boolean };
  readonly #lines = new Map<string, Line>();

  constructor(world: World, box: Box, options: { way: 'connect' | 'socks'; keep: boolean }) {
    this.#world = world;
    this.#box = box;
    this.#options = options;
  }

  /** Answers what became of it, as the ledger has it. */
  async send({ kind, behaviour, secret, upload }: Sending): Promise<Asked | undefined> {
    const world = this.#world;
    const binding = secret === null ? null : bindingOf(this.#box, secret);
    const host = secret?.host ?? plainHost;
    const intent = { box: this.#box.plan.index, host, kind, binding, forbidden: false };
    return await attempt(world, intent, async ({ number, moved, onAbandoned, reached }) => {
      const line = await this.#line(host);
      onAbandoned(() => line.close());
      reached(() => `sent, ${behaviour}`);
      const fields = binding === null || secret === null ? [] : [credentialField(secret.scheme, binding.standIn)];
      line.socket.on('data', moved);
      try {
        line.socket.write(requestBytes({ host, path: pathOf(intent.box, number, behaviour), fields, upload }));
        const { from, text } = await readAnswer(world, line, number);
        if (from === 'answered' && behaviour.startsWith('echo-'))
          judgeEcho(world.findings, { ...intent, number }, text);
        if (!this.#options.keep || /\r\nconnection: close\r\n/i.test(text)) this.#drop(host);
      } catch (error) {
        this.#drop(host);
        throw error;
      } finally {
        line.socket.off('data', moved);
      }
    });
  }

  close(): void {
    for (const host of this.#lines.keys()) this.#drop(host);
  }

  async #line(host: string): Promise<Line> {
    const kept = this.#lines.get(host);
    if (kept?.usable() === true) return kept;
    const line = await openLine(this.#world, this.#box, { host, way: this.#options.way });
    this.#lines.set(host, line);
    return line;
  }

  #drop(host: string): void {
    this.#lines.get(host)?.close();
    this.#lines.delete(host);
  }
}

/** The head and the content of a request. */
export function requestBytes(request: {
  host: string;
  path: string;
  fields: readonly (readonly [name: string, value: string])[];
  upload?: Buffer | undefined;
}): Buffer {
  const { host, path, fields, upload } = request;
  const lines = [`${upload === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1`, `Host: ${host}`];
  for (const [name, value] of fields) lines.push(`${name}: ${value}`);
  if (upload !== undefined) lines.push(`Content-Length: ${upload.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), upload ?? Buffer.alloc(0)]);
}

/** The binding of a secret of this sandbox, where it is attached. */
export function bindingOf(box: Box, secret: PlannedSecret): Binding | null {
  return box.bindings.get(secret.index) ?? null;
}
