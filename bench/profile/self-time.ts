import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** What a `.cpuprofile` file holds of use here: `Profiler.Profile` of the DevTools protocol. */
const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  /** Ids of the nodes that were met on top, and the microseconds from the one to the next. */
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
  /** Microseconds of the monotonic clock. */
  startTime: z.number(),
});

export type CpuProfile = z.infer<typeof profileSchema>;

/** Parses the text of a `.cpuprofile` file; throws where it is none. */
export function readProfile(text: string): CpuProfile {
  return profileSchema.parse(JSON.parse(text));
}

const idle = new Set(['(idle)', '(root)']);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Microseconds of the monotonic clock, as `process.hrtime` reads it too. */
export interface TimeSpan {
  from: number;
  to: number;
}

/** The `count` functions that were met most on top of the stack within `span`, with their share of all that was not idle. */
export function topOfSelfTime(
  profile: CpuProfile,
  { count, span }: { count: number; span: TimeSpan },
): { milliseconds: number; functions: { name: string; share: number }[] } {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const micros = new Map<string, number>();
  let busy = 0;
  let now = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const spent = profile.timeDeltas[index] ?? 0;
    now += spent;
    const name = names.get(id) ?? '(unknown)';
    if (idle.has(name) || now < span.from || now > span.to) continue;
    busy += spent;
    micros.set(name, (micros.get(name) ?? 0) + spent);
  }
  const functions = [...micros]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, spent]) => ({ name, share: spent / busy }));
  return { milliseconds: busy / 1000, functions };
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const place = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  return `${name}  ${place}:${lineNumber + 1}`;
}
