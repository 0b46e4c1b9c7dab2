import type { ActivityService, Window } from './console-types.ts';
import type { VaultDeps } from './deps.ts';
import type { RollUp } from './roll-up.ts';
import { secretNames } from './requests.ts';

/** `width`, `edgeWidth`: seconds of the stretches that the store counts by. */
const windows: Record<Window, { width: number; count: number; edgeWidth: number }> = {
  '1h': { width: 60, count: 60, edgeWidth: 300 },
  '24h': { width: 900, count: 96, edgeWidth: 7200 },
  '7d': { width: 3600, count: 168, edgeWidth: 86_400 },
};

export function createActivity({ store, now }: Pick<VaultDeps, 'store' | 'now'>, rollUp: RollUp): ActivityService {
  return {
    async overTime({ teamId }, window) {
      await rollUp.catchUp();
      const { width, count } = windows[window];
      const from = beginning(now(), width) - (count - 1) * width * 1000;
      const to = from + count * width * 1000;
      const totals = await store.activity.totals(teamId, { width, from: new Date(from), to: new Date(to) });
      const byTime = new Map(totals.map((each) => [each.at.getTime(), each]));
      const buckets = Array.from({ length: count }, (_, index) => {
        const at = from + index * width * 1000;
        return byTime.get(at) ?? { at: new Date(at), ...nothing };
      });
      return { from: new Date(from), to: new Date(to), bucketSeconds: width, buckets };
    },

    async map({ teamId }, { window, limit }) {
      await rollUp.catchUp();
      const { width, count, edgeWidth } = windows[window];
      const to = now();
      const from = new Date(beginning(new Date(to.getTime() - width * count * 1000), edgeWidth));
      const range = { width: edgeWidth, from, to: new Date(to.getTime() + 1) };
      const { edges, capped } = await store.activity.busiest(teamId, { ...range, limit });
      const names = await secretNames(store, teamId, edges);
      return {
        from,
        to,
        capped,
        edges: edges.map(({ sandboxId, sandboxName, secretId, host, requests, refusals }) => {
          const secretName = secretId === null ? null : (names.get(secretId) ?? null);
          return { sandboxId, sandboxName, secretName, host, requests, refusals };
        }),
      };
    },
  };
}

const nothing = { requests: 0, refusals: 0, failures: 0, tripwires: 0, percentiles: null };

function beginning(time: Date, seconds: number): number {
  return Math.floor(time.getTime() / 1000 / seconds) * seconds * 1000;
}
