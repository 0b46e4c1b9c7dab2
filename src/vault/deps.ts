import type { Envelope } from '../crypto/envelope.ts';
import type { Secret } from '../crypto/secret.ts';
import type { Logger } from '../log.ts';
import type { SandboxDriver, SandboxLimits, Template } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';

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

/** How sandboxes reach the egress proxy and whom they trust. */
export interface NetworkFacts {
  /** `http://host:port`, as a sandbox run elsewhere sees it. */
  proxyUrl: string;
  /** PEM: our CA alone. */
  caPem: string;
  /** PEM: the system's roots and ours. */
  caBundlePem: string;
}
