import type { RequestBody } from '../../contract/operations.ts';
import { describe, recognise } from '../credentials/recognise.ts';
import type { Recognised } from '../credentials/recognise.ts';
import type { Shape } from '../credentials/shapes.ts';
import { wrongUsage } from '../failure.ts';
import type { Assignment } from './dotenv.ts';

/** One variable of the file: what it looks like, and where it would go. */
export interface Finding {
  name: string;
  value: string;
  line: number;
  recognised: Recognised | null;
  /** By what the secret would be called. */
  secret: string;
  target: Target | null;
  /** Why it cannot be stored; null where it can. */
  obstacle: string | null;
}

type Target = { provider: string } | { host: string };

export interface ImportChoices {
  provider?: Record<string, string>;
  host?: Record<string, string>;
  as?: Record<string, string>;
}

/** Looks at every variable, the last of each name, which is the one that counts. */
export function findings(
  assignments: readonly Assignment[],
  { shapes, taken, choices }: { shapes: readonly Shape[]; taken: ReadonlySet<string>; choices: ImportChoices },
): Finding[] {
  for (const name of Object.keys({ ...choices.provider, ...choices.host, ...choices.as })) {
    if (!assignments.some((each) => each.name === name)) throw wrongUsage(`the file has no ${name}`);
  }
  const last = new Map(assignments.map((each) => [each.name, each]));
  return [...last.values()].map(({ name, value, line }) => {
    const recognised = value === '' ? null : recognise(name, value, shapes);
    const secret =
      choices.as?.[name] ??
      name
        .toLowerCase()
        .replaceAll(/[^a-z0-9-]+/g, '-')
        .replace(/^[^a-z_]+/, '');
    return {
      name,
      value,
      line,
      recognised,
      secret,
      target: targetOf(name, recognised, choices),
      obstacle: obstacleOf({ name, value, secret, taken, lines: linesOf(assignments, name) }),
    };
  });
}

/** Never the value: what it begins with, where every key of its provider does, and its length. */
export function shown({ recognised, value }: Finding): string {
  return describe(recognised ?? { prefix: '', length: Array.from(value).length });
}

/** As the API takes it. A host of one's own gets the value as a bearer token. */
export function requestOf({ secret, value, target }: Finding): RequestBody<'createSecret'> {
  if (target === null) throw new TypeError('where it may go is not known');
  if ('provider' in target) return { name: secret, value, provider: target.provider };
  return { name: secret, value, hosts: [target.host], auth: { type: 'bearer' } };
}

function targetOf(name: string, recognised: Recognised | null, { provider, host }: ImportChoices): Target | null {
  const [givenProvider, givenHost] = [provider?.[name], host?.[name]];
  if (givenHost !== undefined) return { host: givenHost };
  const known = givenProvider ?? recognised?.provider ?? undefined;
  return known === undefined ? null : { provider: known };
}

function linesOf(assignments: readonly Assignment[], name: string): number[] {
  return assignments.filter((each) => each.name === name).map(({ line }) => line);
}

function obstacleOf({
  name,
  value,
  secret,
  taken,
  lines,
}: {
  name: string;
  value: string;
  secret: string;
  taken: ReadonlySet<string>;
  lines: readonly number[];
}): string | null {
  // Which of them is meant is not ours to say, and the other would be lost.
  if (lines.length > 1) return `it is assigned more than once, in lines ${lines.join(' and ')}`;
  if (/[\r\n\0]/.test(value)) return 'it has several lines, which no header can carry';
  if (Buffer.byteLength(value) > 8192) return 'it is over 8192 bytes';
  if (taken.has(secret)) return `${secret} is stored already; call it otherwise with --as ${name}=NAME`;
  return null;
}
