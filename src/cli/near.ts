import type { Client } from '../client/client.ts';
import { ApiError } from '../client/errors.ts';
import { nearest } from '../vault/nearest.ts';
import { CliFailure } from './failure.ts';
import { printable } from './text.ts';

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Fewer characters of an id say too little. */
const leastPrefix = 4;

/** A call about a secret by name; where there is none, the error has the names that are near. */
export async function aboutSecret<T>(client: Client, name: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'not_found') throw error;
    const names = (await client.secrets.list()).map((each) => each.name);
    throw new CliFailure(`no secret is named ${printable(name)}`, {
      fix: meant(name, names) ?? '`standin secret list` has the names',
      cause: error,
    });
  }
}

/**
 * The id of the sandbox that a person names: an id, a name, or the first characters of an id. Throws where several
 * fit, with their ids, and where none does, with the names that are near.
 */
export async function findSandbox(client: Client, named: string): Promise<string> {
  if (uuid.test(named)) return named;
  const all = await client.sandboxes.list();
  const byName = all.filter(({ name }) => name === named);
  const found =
    byName.length > 0 || named.length < leastPrefix
      ? byName
      : all.filter(({ id }) => id.startsWith(named.toLowerCase()));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only.id;
  if (only === undefined) {
    const names = all.map(({ name }) => name);
    throw new CliFailure(`no sandbox has the name or id ${printable(named)}`, {
      fix: meant(named, names) ?? '`standin sandbox list` has them',
    });
  }
  throw new CliFailure(`${found.length} sandboxes are named ${printable(named)}`, {
    fix: `say which: ${found.map(({ id }) => id).join(', ')}`,
  });
}

/** `did you mean a or b?`, or undefined where no candidate is near. */
export function meant(word: string, candidates: Iterable<string>): string | undefined {
  const found = nearest(word, new Set(candidates));
  return found.length === 0 ? undefined : `did you mean ${found.map((each) => printable(each)).join(' or ')}?`;
}
