import { resolve } from 'node:path';
import { wrongUsage } from '../failure.ts';

/** A directory of the server's machine as the API takes it. */
export interface MountRequest {
  source: string;
  target: string;
  read_only: boolean;
}

/** `SOURCE[:TARGET][:ro]`; without a target, the same path inside. Relative sources are taken from `cwd`. */
export function parseMount(text: string, cwd: string): MountRequest {
  const parts = text.split(':');
  const mode = parts.length > 1 && (parts.at(-1) === 'ro' || parts.at(-1) === 'rw') ? parts.pop() : 'rw';
  const [source, target, ...more] = parts;
  if (source === undefined || source === '' || target === '' || more.length > 0) {
    throw wrongUsage(`--mount ${text} is not understood`, 'write SOURCE, SOURCE:TARGET or SOURCE:TARGET:ro');
  }
  if (target !== undefined && !target.startsWith('/')) {
    throw wrongUsage(`--mount ${text}: the place inside must be an absolute path`);
  }
  const absolute = resolve(cwd, source);
  return { source: absolute, target: target ?? absolute, read_only: mode === 'ro' };
}
