import type { AuthRule } from '../types.ts';
import { probeOf } from './probe.ts';
import type { NoProbe, Probe, ProbeFacts } from './probe.ts';
import type { TokenShape } from './token-shape.ts';

/** One row of the catalogue: facts of a vendor's API. */
export interface Provider {
  name: string;
  display: string;
  /** One: a single rule. Several: `per_host`. */
  rules: readonly ProviderRule[];
  /** Kinds of token, told apart by their prefixes; the first where none fits. */
  tokens: readonly TokenShape[];
  /** The vendor's page that says how a key is sent, or the nearest to it. */
  source: string;
  /** False: the page itself was not read. */
  sourceRead: boolean;
  /**
   * The vendor's own package that was read, with its version: it sends a key to these hosts in this form. Where neither it
   * nor the page was read, the row is from public rules that find leaked keys, and from the code of other clients.
   */
  code: string | null;
  /** What of this row no page of the vendor says, in a sentence. */
  unsettled: string | null;
  /** How to find out whether a key works. */
  probe: Probe | NoProbe;
}

export interface ProviderRule {
  hosts: readonly string[];
  auth: AuthRule;
  /** Other forms that the vendor's API takes and that its clients send; each is swapped as it came. */
  also?: readonly AcceptedForm[];
}

export type AcceptedForm =
  | AuthRule
  /** `?key=<value>`. */
  | { type: 'query'; parameter: string }
  /** `Authorization: Basic base64(<value>:)`: the key is the user name. */
  | { type: 'basic-username' };

export const bearer: AuthRule = { type: 'bearer' };
/** The bare token in `Authorization`. */
export const raw: AuthRule = { type: 'api-key', header: 'Authorization' };
/** The client's own user name is kept. */
export const basic: AuthRule = { type: 'basic' };
export const basicUsername: AcceptedForm = { type: 'basic-username' };

export function basicAs(username: string): AuthRule {
  return { type: 'basic', username };
}

export function header(name: string): AuthRule {
  return { type: 'api-key', header: name };
}

/** `Authorization: <word> <value>`; the word's case is the client's own affair. */
export function scheme(word: string): AuthRule {
  return { type: 'api-key', header: 'Authorization', prefix: `${word} ` };
}

/** What every row says beside its rules. */
interface RowFacts {
  tokens: readonly TokenShape[];
  source: string;
  unseen?: true;
  code?: string;
  unsettled?: string;
  probe: ProbeFacts | NoProbe;
}

/** A row with one rule. */
export function provider(
  name: string,
  display: string,
  facts: RowFacts & { hosts: readonly string[]; auth: AuthRule; also?: readonly AcceptedForm[] },
): Provider {
  const { hosts, auth, also, ...more } = facts;
  return perHostProvider(name, display, {
    rules: [{ hosts, auth, ...(also === undefined ? {} : { also }) }],
    ...more,
  });
}

/** A row with a rule for each of its hosts. */
export function perHostProvider(
  name: string,
  display: string,
  facts: RowFacts & { rules: readonly ProviderRule[] },
): Provider {
  const { rules, tokens, source, unseen, code = null, unsettled = null, probe } = facts;
  const host = rules[0]?.hosts[0] ?? '';
  const sourceRead = unseen !== true;
  return { name, display, rules, tokens, source, sourceRead, code, unsettled, probe: probeOf(probe, host) };
}
