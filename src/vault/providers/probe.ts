/**
 * A harmless call that tells whether a key works: it changes nothing, and costs nothing with the vendor. The key goes
 * where the provider's own rule for the host puts it.
 */
export interface Probe {
  method: 'GET' | 'POST';
  /** Asked in this order; the key works if it does at one of them. Several where accounts live in regions. */
  hosts: readonly string[];
  /** With its query. */
  path: string;
  /** What the vendor asks for beside the key. */
  headers: Readonly<Record<string, string>>;
  /** JSON, or none. */
  body: string | null;
  /** Whose name goes before the key in Basic, where the rule has none: `any` works for every account, `ask` is asked. */
  user: { any: string } | { ask: string } | null;
  /** Statuses that say: the key works. */
  works: readonly number[];
  /** The vendor knows the key, and it may not make this call: it is one with few rights. */
  limited: readonly number[];
  /** The vendor does not take the key. */
  refused: readonly number[];
  /** What the content must hold as well for the key to work, where the status alone does not say. */
  answerHas: string | null;
  /** Prefixes of keys of which this call says nothing: it is not for their kind. */
  notFor: readonly string[];
}

/** There is no such call, and why. */
export interface NoProbe {
  none: string;
}

/** A probe as the catalogue's rows give it: `hosts` is the first host of the row where it is left out. */
export type ProbeFacts = Partial<Probe> & { path: string };

/** `GET path`: 200 where the key works, 401 where it does not; `more` says what is different. */
export function get(path: string, more: Partial<Probe> = {}): ProbeFacts {
  return { method: 'GET', path, ...more };
}

/** `POST path` with JSON, for an API that has no other way to ask. */
export function post(path: string, body: unknown, more: Partial<Probe> = {}): ProbeFacts {
  return { method: 'POST', path, body: JSON.stringify(body), ...more };
}

/** The facts with what they leave out. */
export function probeOf(facts: ProbeFacts | NoProbe, host: string): Probe | NoProbe {
  if ('none' in facts) return facts;
  return {
    method: 'GET',
    hosts: [host],
    headers: {},
    body: null,
    user: null,
    works: [200],
    limited: [],
    refused: [401],
    answerHas: null,
    notFor: [],
    ...facts,
  };
}
