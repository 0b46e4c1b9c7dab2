import { createHash } from 'node:crypto';
import type { AuditEvent, AuditVerdict, Client } from '../../src/client/client.ts';
import type { Random } from '../fuzz/random.ts';
import type { Findings } from './violations.ts';

const pageSize = 200;
/** Digits of a hash that are kept of each event: there are hundreds of thousands. */
const hashDigits = 12;

/**
 * Reads the trail over the API while it grows, and remembers every event that it was shown: an event that was read once
 * was acknowledged, so it must stay, as it is.
 */
export class AuditWatch {
  readonly #findings: Findings;
  readonly #random: Random;
  readonly #known = new Map<string, Map<number, string>>();
  #end: Pick<AuditVerdict, 'last_id' | 'last_hash'> | null = null;

  constructor(findings: Findings, random: Random) {
    this.#findings = findings;
    this.#random = random;
  }

  /** Events that are remembered. */
  get size(): number {
    return [...this.#known.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Reads a secret's newest page, and one that was read before. Throws where the API does not answer. */
  async look(client: Client, secret: string): Promise<void> {
    const known = this.#known.get(secret) ?? new Map<number, string>();
    this.#known.set(secret, known);
    this.enter(secret, await client.secrets.audit(secret, { limit: pageSize }));
    const ids = [...known.keys()];
    const id = ids.length === 0 ? 0 : this.#random.pick(ids);
    if (id > 0) this.enter(secret, await client.secrets.audit(secret, { limit: pageSize, before: id + 1 }), id);
  }

  /** Takes a page; `first` is the event that it must begin with. */
  enter(secret: string, page: readonly AuditEvent[], first?: number): void {
    const known = this.#known.get(secret) ?? new Map<number, string>();
    this.#known.set(secret, known);
    const hashes = new Map(page.map((event) => [event.id, hashOf(event)]));
    const newest = first ?? page[0]?.id ?? 0;
    const oldest = page.length < pageSize ? 0 : (page.at(-1)?.id ?? 0);
    for (const [id, hash] of known) {
      if (id < oldest || id > newest) continue;
      this.#findings.checked('audit_changed');
      const now = hashes.get(id);
      if (now === undefined) this.#findings.violate('audit_changed', `event ${id} of ${secret} is gone`);
      else if (now !== hash) this.#findings.violate('audit_changed', `event ${id} of ${secret} is not what it was`);
    }
    for (const [id, hash] of hashes) if (!known.has(id)) known.set(id, hash);
  }

  /** Verifies the chain from the end that the last call was shown. */
  async verify(client: Client): Promise<AuditVerdict> {
    const since = this.#end === null ? {} : { since_id: this.#end.last_id, since_hash: this.#end.last_hash };
    const verdict = await client.audit.verify(since);
    this.#findings.checked('audit_chain');
    if (verdict.broken !== null) {
      this.#findings.violate('audit_chain', `event ${verdict.broken.id}: ${verdict.broken.how}`);
    }
    this.#end = verdict;
    return verdict;
  }

  /** Reads all of what is remembered once more. */
  async lookAtAll(client: Client): Promise<void> {
    for (const [secret, known] of this.#known) {
      const oldest = Math.min(...known.keys());
      let before = Math.max(...known.keys()) + 1;
      while (before > oldest) {
        const page = await client.secrets.audit(secret, { limit: pageSize, before });
        this.enter(secret, page, before - 1);
        before = page.length < pageSize ? 0 : (page.at(-1)?.id ?? 0);
      }
    }
  }
}

/** Of all but the sandbox's name, which goes with the sandbox. */
function hashOf(event: AuditEvent): string {
  const lasting = { ...event, sandbox_name: null };
  return createHash('sha256').update(JSON.stringify(lasting)).digest('hex').slice(0, hashDigits);
}
