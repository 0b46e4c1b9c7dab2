import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { openTunnel } from '../../support/proxy-client.ts';
import { echoes, faults, pathOf } from '../behaviours.ts';
import type { Behaviour } from '../behaviours.ts';
import { credentialField } from '../plan.ts';
import type { PlannedSecret } from '../plan.ts';
import type { Box, World } from '../world.ts';
import { attempt, enterHead, judgeEcho, watchReceived } from './attempt.ts';
import { bindingOf } from './http1.ts';

/** More at once would only wait in the client. */
const mostStreams = 16;

/** One connection of HTTP/2 for each host, with several requests at once. */
export class Http2Client {
  readonly #world: World;
  readonly #box: Box;
  readonly #sessions = new Map<string, ClientHttp2Session>();
  #open = 0;

  constructor(world: World, box: Box) {
    this.#world = world;
    this.#box = box;
  }

  /** Resolves when the answer is there; at once where enough are under way. */
  async send(): Promise<void> {
    if (this.#open >= mostStreams) return;
    const { random } = this.#world;
    const secrets = this.#world.secretsOf(this.#box.plan.index).filter(({ scheme }) => scheme === 'bearer');
    const behaviour = random.pick<Behaviour>(random.once(8) ? faults : random.once(12) ? ['download'] : echoes);
    this.#open += 1;
    await this.#ask(random.pick(secrets), behaviour).finally(() => {
      this.#open -= 1;
    });
  }

  close(): void {
    for (const session of this.#sessions.values()) session.destroy();
    this.#sessions.clear();
  }

  async #ask(secret: PlannedSecret, behaviour: Behaviour): Promise<void> {
    const world = this.#world;
    const box = this.#box.plan.index;
    const { host, scheme } = secret;
    const binding = bindingOf(this.#box, secret);
    const intent = { box, host, kind: 'http2', binding, forbidden: false };
    await attempt(world, intent, async ({ number, moved, onAbandoned, reached }) => {
      const session = await this.#session(host);
      const fields = binding === null ? [] : [credentialField(scheme, binding.standIn)];
      const headers = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
      const stream = session.request({ ':authority': host, ':path': pathOf(box, number, behaviour), ...headers });
      onAbandoned(() => stream.close());
      reached(() => {
        const received = parts.reduce((sum, { length }) => sum + length, 0);
        const states = JSON.stringify({ stream: stream.state, session: session.state });
        return `sent, ${behaviour}, ${from ?? 'no head'}, ${received} bytes, ended ${stream.readableEnded}, ${states}`;
      });
      const watch = watchReceived(world.findings, `sandbox ${box} at ${host} over HTTP/2`);
      const heads: string[] = [];
      const parts: Buffer[] = [];
      let from: 'answered' | 'refused' | null = null;
      let coded = false;
      const keep = (fields_: IncomingHttpHeaders) => {
        const text = Object.entries(fields_)
          .map(([name, value]) => `${name}: ${String(value)}\n`)
          .join('');
        watch(Buffer.from(text, 'latin1'));
        heads.push(text);
      };
      stream.on('headers', keep);
      stream.on('trailers', keep);
      stream.on('response', (answer) => {
        keep(answer);
        coded = answer['content-encoding'] === 'gzip';
        const header = (name: string) => (answer[name] === undefined ? undefined : String(answer[name]));
        from = enterHead(world, number, { status: answer[':status'] ?? 0, header });
      });
      stream.on('data', (part: Buffer) => {
        moved();
        watch(part);
        parts.push(part);
      });
      await new Promise<void>((resolve, reject) => stream.once('close', resolve).once('error', reject));
      // A session that is destroyed closes its streams without an error, and without their ends.
      if (from === null || stream.rstCode !== 0 || !stream.readableEnded) throw new Error('the stream was reset');
      world.ledger.finished(number);
      const content = Buffer.concat(parts);
      const text = coded ? gunzipSync(content) : content;
      if (coded) watchReceived(world.findings, `request ${number}, uncompressed,`)(text);
      if (from === 'answered' && behaviour.startsWith('echo-')) {
        judgeEcho(world.findings, { ...intent, number }, `${heads.join('')}${text.toString('latin1')}`);
      }
    });
  }

  async #session(host: string): Promise<ClientHttp2Session> {
    const kept = this.#sessions.get(host);
    if (kept !== undefined && !kept.closed && !kept.destroyed) return kept;
    const tunnel = await openTunnel(this.#box.access, `${host}:443`);
    const socket = connectTls({
      socket: tunnel,
      servername: host,
      ca: this.#box.sandbox.egress.ca_pem,
      ALPNProtocols: ['h2'],
    });
    await new Promise<void>((resolve, reject) => {
      tunnel.once('close', () => reject(new Error('the tunnel was closed in the handshake')));
      socket.once('secureConnect', resolve).once('error', reject);
    });
    const session = connectHttp2(`https://${host}`, { createConnection: () => socket });
    session.on('error', () => undefined);
    // Another request may have opened one meanwhile: this one serves those that come from now on.
    this.#sessions.get(host)?.close();
    this.#sessions.set(host, session);
    return session;
  }
}
