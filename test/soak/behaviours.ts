/**
 * What a client asks an upstream to do, by the last part of its path: `/b<sandbox>/r<number>/<behaviour>`. The path has
 * nothing else, so that the audit trail's row names the request.
 */
export const echoes = ['echo-head', 'echo-body', 'echo-gzip', 'echo-encoded', 'echo-interim', 'echo-trailers'] as const;
export const faults = ['reset', 'reset-head', 'reset-body', 'half', 'trickle', 'silent'] as const;
export const plain = ['empty', 'upload', 'download', 'download-gzip', 'events', 'socket'] as const;

export type Behaviour = (typeof echoes | typeof faults | typeof plain)[number];

const all: ReadonlySet<string> = new Set([...echoes, ...faults, ...plain]);

/** Bytes of a download, before it is coded. */
export const downloadSize = 1 << 20;

/** Marks an answer as an upstream's. */
export const upstreamMark = 'x-from-upstream';

export function pathOf(box: number, number: number, behaviour: Behaviour): string {
  return `/b${box}/r${number}/${behaviour}`;
}

/** Null where the path is none of a run's. */
export function readPath(path: string): { number: number; behaviour: Behaviour } | null {
  const [, number, behaviour = ''] = /^\/b\d+\/r(\d+)\/([a-z-]+)$/.exec(path.split('?', 1)[0] ?? '') ?? [];
  return number !== undefined && isBehaviour(behaviour) ? { number: Number(number), behaviour } : null;
}

function isBehaviour(name: string): name is Behaviour {
  return all.has(name);
}
