import type { SandboxWithAccess } from '../../src/client/client.ts';
import { proxyAccess } from '../support/proxy-client.ts';
import type { ProxyAccess } from '../support/proxy-client.ts';
import type { Random } from '../fuzz/random.ts';
import type { Binding, Ledger } from './ledger.ts';
import { makeValue } from './marks.ts';
import { secretInput } from './plan.ts';
import type { Plan, PlannedBox, PlannedSecret } from './plan.ts';
import type { ServerControl } from './server-control.ts';
import type { Findings } from './violations.ts';

/** A sandbox as its clients see it. */
export interface Box {
  plan: PlannedBox;
  sandbox: SandboxWithAccess;
  access: ProxyAccess;
  /** By secret; null while it is detached. */
  bindings: Map<number, Binding | null>;
}

/** What is at work in a run, and how it changes. */
export class World {
  readonly plan: Plan;
  readonly server: ServerControl;
  readonly ledger: Ledger;
  readonly findings: Findings;
  readonly random: Random;
  readonly boxes = new Map<number, Box>();
  readonly #versions = new Map<number, number>();
  #names = 0;
  /** How often each was done, and how often it was not answered. */
  readonly changes = { rotated: 0, detached: 0, failed: 0 };

  constructor(parts: { plan: Plan; server: ServerControl; ledger: Ledger; findings: Findings; random: Random }) {
    this.plan = parts.plan;
    this.server = parts.server;
    this.ledger = parts.ledger;
    this.findings = parts.findings;
    this.random = parts.random;
  }

  /** On a server that has just been started for the first time. */
  async create(): Promise<void> {
    for (const secret of this.plan.secrets) {
      await this.server.client.secrets.create(secretInput(secret, this.#nextValue(secret)));
    }
    for (const box of this.plan.boxes) await this.#createBox(box);
  }

  /** After each further start: its ports are others, and sandboxes that ran inside it have ended with it. */
  async resume(): Promise<void> {
    const port = this.server.current?.proxyPort ?? 0;
    const boxes = [...this.boxes.values()];
    for (const box of boxes) {
      if (box.plan.driver === 'external') box.access.port = port;
      else {
        this.boxes.delete(box.plan.index);
        await this.server.client.sandboxes.remove(box.sandbox.id);
        for (const binding of box.bindings.values()) if (binding !== null) binding.endedAt = Date.now();
        await this.#createBox(box.plan);
      }
    }
  }

  secretsOf(box: number): PlannedSecret[] {
    return this.plan.secrets.filter(({ boxes }) => boxes.includes(box));
  }

  async #createBox(plan: PlannedBox): Promise<void> {
    const secrets = this.secretsOf(plan.index);
    const sandbox = await this.server.client.sandboxes.create({
      name: `box-${plan.index}-${(this.#names += 1)}`,
      driver: plan.driver,
      secrets: Object.fromEntries(secrets.map(({ envKey, name }) => [envKey, name])),
    });
    const box: Box = { plan, sandbox, access: accessOf(sandbox), bindings: new Map() };
    for (const secret of secrets) box.bindings.set(secret.index, this.#binding(box, secret, sandbox));
    this.boxes.set(plan.index, box);
  }

  #binding(box: Box, { index, envKey }: PlannedSecret, { egress }: SandboxWithAccess): Binding | null {
    const standIn = egress.env[envKey];
    return standIn === undefined
      ? null
      : { box: box.plan.index, secret: index, standIn, endingAt: null, endedAt: null };
  }

  /** Where it is not answered, the old value and the new one may both be current until the next that is. */
  async rotate(secret: PlannedSecret): Promise<void> {
    const value = this.#nextValue(secret);
    const version = this.#versions.get(secret.index) ?? 0;
    try {
      await this.server.client.secrets.rotate(secret.name, value);
      this.ledger.rotatedOut(secret.index, version, Date.now());
      this.changes.rotated += 1;
    } catch {
      this.changes.failed += 1;
    }
  }

  /** Detaches a secret of an external sandbox, runs `meanwhile`, and attaches it again. */
  async reattach(box: Box, secret: PlannedSecret, meanwhile: () => Promise<unknown>): Promise<void> {
    const binding = box.bindings.get(secret.index);
    if (binding === null || binding === undefined) {
      await this.#attach(box, secret);
      return;
    }
    binding.endingAt = Date.now();
    try {
      await this.server.client.sandboxes.detach(box.sandbox.id, secret.envKey);
      binding.endedAt = Date.now();
      this.changes.detached += 1;
    } catch {
      this.changes.failed += 1;
    }
    await meanwhile();
    await this.#attach(box, secret);
  }

  /** Whatever became of what was tried before: asks what is bound now, and attaches where nothing is. */
  async #attach(box: Box, secret: PlannedSecret): Promise<void> {
    const { id } = box.sandbox;
    try {
      const { sandboxes } = this.server.client;
      let found = this.#binding(box, secret, await sandboxes.get(id));
      if (found === null) {
        await sandboxes.attach(id, { env_key: secret.envKey, secret_name: secret.name });
        found = this.#binding(box, secret, await sandboxes.get(id));
      }
      if (found?.standIn !== box.bindings.get(secret.index)?.standIn) box.bindings.set(secret.index, found);
    } catch {
      this.changes.failed += 1;
    }
  }

  #nextValue({ index }: PlannedSecret): string {
    const version = (this.#versions.get(index) ?? -1) + 1;
    this.#versions.set(index, version);
    return makeValue({ secret: index, version });
  }
}

function accessOf({ egress }: SandboxWithAccess): ProxyAccess {
  return proxyAccess(egress.proxy_url);
}
