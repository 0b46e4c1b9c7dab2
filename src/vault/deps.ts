import type { Envelope } from '../crypto/envelope.ts';
import type { Secret } from '../crypto/secret.ts';
import type { Logger } from '../log.ts';
import type { SandboxDriver, SandboxLimits, Template } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import type { Snapshot } from './snapshot.ts';

/** What the domain is given by the composition root. */
export interface VaultDeps {
  store: Store;
  envelope: Envelope;
  /** Derives the sandboxes' access tokens. */
  tokenKey: Secret;
  drivers: ReadonlyMap<string, SandboxDriver>;
  /** A name in `drivers`. */
  defaultDriver: string;
  /** Which server this is, the same at each start: `RunRecord.server`. */
  server: string;
  network: NetworkFacts;
  /** What a sandbox gets that a driver of ours runs. */
  limits: SandboxLimits;
  /** What `from_template` may name beside `base`. */
  templates: ReadonlyMap<string, Template>;
  probe: Probe;
  /** Live sandboxes that one team may have; 0: no limit. */
  maxSandboxes: number;
  /**
   * Makes every egress worker forget what it knows of these sandboxes. Awaited after a change is durable and before it
   * is answered, so that the next request through the proxy sees it. Must reject where a worker may not have heard.
   */
  changed: (sandboxIds: string[]) => Promise<void>;
  /** When there is something to do next, as `lifetimes.next` says, may have changed. */
  scheduled: () => void;
  /** Deliveries to webhooks were queued. */
  queued: () => void;
  logger: Logger;
  now: () => Date;
}

/** The egress proxy as those see it who only want to know: src/egress/probe.ts. */
export interface Probe {
  /** What the proxy would do with a request of a sandbox. Pure; nothing is sent. */
  judge(
    snapshot: Snapshot,
    request: { method: string; url: URL; headers: readonly (readonly [name: string, value: string])[] },
  ): ProbeJudgement | { unreadable: string };
  /** Sends one request of a sandbox by way of the proxy. */
  send(call: {
    sandboxId: string;
    /** The sandbox's proxy token. */
    token: string;
    method: string;
    url: URL;
    headers: readonly (readonly [name: string, value: string])[];
    body: string | null;
    /** A text to look for in the answer; nothing else of it is kept. */
    look: string | null;
  }): Promise<ProbeAnswer>;
  /** Every worker forgets that sandbox. */
  forget(sandboxId: string): Promise<void>;
}

export interface ProbeJudgement {
  outcome: 'swapped' | 'passed' | 'refused';
  standIns: { slot: string; swapped: boolean }[];
  /** Header lines and query parameters with `{{value}}` for the value. */
  wouldSend: string[];
  /** Of a refusal. */
  code: string | null;
  message: string | null;
}

export interface ProbeAnswer {
  /** Null: nothing came back. */
  status: number | null;
  latencyMs: number;
  /** Of the proxy, where it refused. */
  errorCode: string | null;
  /** Whether the text that was looked for is in the answer. */
  said: boolean;
}

/** How sandboxes reach the egress proxy and whom they trust. */
export interface NetworkFacts {
  /** `http://host:port`, as a sandbox run elsewhere sees it. */
  proxyUrl: string;
  /** PEM: our CA alone. */
  caPem: string;
  /** PEM: the system's roots and ours. */
  caBundlePem: string;
}
