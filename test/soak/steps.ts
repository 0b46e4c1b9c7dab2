import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AuditWatch } from './audit-watch.ts';
import { valuePatterns } from './marks.ts';
import { heldBy, heldKinds } from './memory.ts';
import type { Held } from './memory.ts';
import type { ServerControl } from './server-control.ts';
import { searchTree } from './stream-search.ts';
import type { Findings } from './violations.ts';
import type { World } from './world.ts';

/** Parts of a run that have no state of their own. */

export const standinProgram = fileURLToPath(new URL('../../bin/standin', import.meta.url));

const lookEveryMs = 2_000;
/** So many looks to one walk of the chain. */
const looksToVerify = 15;
const settleLimitMs = 90_000;
const settleEveryMs = 250;
/** Descriptors that may differ: connections of the API, of the database's pool, kept ones to upstreams. */
const descriptorSlack = 24;

/** Reads the audit trail over the API now and then, until it is stopped. */
export function auditWatchLoop(world: World, audit: AuditWatch): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    for (let looks = 1; !stopping.signal.aborted; looks++) {
      await delay(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      try {
        await audit.look(world.server.client, world.random.pick(world.plan.secrets).name);
        if (looks % looksToVerify === 0) await audit.verify(world.server.client);
      } catch {
        // The server or its database is down; what is known is looked at again when it is back.
      }
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Waits until the server holds no more than before the load; what it holds then. */
export async function settled(server: ServerControl, before: Held, findings: Findings): Promise<Held> {
  const deadline = Date.now() + settleLimitMs;
  for (;;) {
    const now = heldBy(server.current?.program.pid ?? 0);
    const over = heldKinds.filter((each) => now[each] > before[each] + (each === 'bubblewrap' ? 0 : descriptorSlack));
    findings.checked('left_behind');
    if (over.length === 0) return now;
    if (Date.now() > deadline) {
      for (const each of over) findings.violate('left_behind', `${each}: ${before[each]} before, ${now[each]} after`);
      return now;
    }
    await delay(settleEveryMs);
  }
}

/** Looks for values in all files below these. */
export function searchWritten(directories: readonly string[], findings: Findings): { files: number; bytes: number } {
  const total = { files: 0, bytes: 0 };
  for (const directory of directories) {
    const { files, bytes, hits } = searchTree(directory, valuePatterns);
    total.files += files;
    total.bytes += bytes;
    for (const { path, hit } of hits) findings.violate('value_written', `${path} (${hit.form}): ${hit.around}`);
  }
  findings.checked('value_written', total.bytes);
  return total;
}
