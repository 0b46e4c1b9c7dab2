import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { ControlPort } from '../ports.ts';

const maxContexts = 2_000;
const renewBeforeMs = 24 * 3_600_000;

/** TLS server contexts by name, each with a leaf for exactly that name; made once, renewed before the leaf runs out. */
export class LeafContexts {
  readonly #control: Pick<ControlPort, 'leaf'>;
  readonly #now: () => number;
  readonly #contexts = new Map<
    string,
    { context: Promise<SecureContext>; ready: SecureContext | null; until: number }
  >();

  constructor(control: Pick<ControlPort, 'leaf'>, now: () => number = Date.now) {
    this.#control = control;
    this.#now = now;
  }

  /** The context for a name that is ready now, or undefined. */
  get(host: string): SecureContext | undefined {
    const found = this.#contexts.get(host);
    return found !== undefined && found.until > this.#now() ? (found.ready ?? undefined) : undefined;
  }

  /** Rejects where the control plane cannot give a leaf. */
  load(host: string): Promise<SecureContext> {
    const found = this.#contexts.get(host);
    if (found !== undefined && found.until > this.#now()) return found.context;
    const entry = { context: this.#make(host), ready: null as SecureContext | null, until: Number.POSITIVE_INFINITY };
    if (this.#contexts.size >= maxContexts) {
      const oldest = this.#contexts.keys().next();
      if (oldest.done !== true) this.#contexts.delete(oldest.value);
    }
    this.#contexts.set(host, entry);
    return entry.context.catch((error: unknown) => {
      this.#contexts.delete(host);
      throw error;
    });
  }

  async #make(host: string): Promise<SecureContext> {
    const leaf = await this.#control.leaf(host);
    const context = createSecureContext({ cert: leaf.cert, key: leaf.key, minVersion: 'TLSv1.2' });
    const entry = this.#contexts.get(host);
    if (entry !== undefined) {
      entry.ready = context;
      entry.until = leaf.notAfter - renewBeforeMs;
    }
    return context;
  }
}

/** What upstream certificates are verified against: the system's roots, or Node's own where there are none, and more. */
export function upstreamContext(extraRoots: string | null): SecureContext {
  const system = getCACertificates('system');
  const roots = system.length > 0 ? system : rootCertificates;
  return createSecureContext({ ca: [...roots, ...(extraRoots === null ? [] : [extraRoots])], minVersion: 'TLSv1.2' });
}
