import { cidrContains, embeddedAddress, parseAddress, parseCidr } from '../net/address.ts';
import type { Address, Cidr } from '../net/address.ts';
import { hostMatchesBelow } from '../net/hostname.ts';
import type { NetworkRules } from './ports.ts';

export interface Verdict {
  /** `ask-address`: look the name up, then judge the address that will be dialled. Only `judgeHost` gives it. */
  verdict: 'allow' | 'deny' | 'ask-address';
  /** The rule that decided, as it was written: `allow_out: *.example.com`. Null: no rule did. */
  rule: string | null;
}

export interface CompiledNetwork {
  /** Before any look-up: a lower-case name, or the text of an address. */
  judgeHost(host: string): Verdict;
  /** After `ask-address`, for the address itself. The address guard is asked in any case, and apart from this. */
  judgeAddress(address: string): Verdict;
}

/** Hosts whose verdict is kept. */
const maxHosts = 256;

interface CidrRule {
  cidr: Cidr;
  rule: string;
}

/**
 * A sandbox's network rules:
 *
 *  - allow wins over deny;
 *  - nothing set: every host (the address guard then leaves the public ones);
 *  - a list of what is allowed is the whole of what is allowed: a name by a domain in it, an address that is dialled as
 *    such by a CIDR. No other name is looked up, or the look-up itself would carry data out;
 *  - `deny_out` alone takes from everything else, by the address dialled. `0.0.0.0/0` in it means everything, IPv6 too.
 *
 * Throws TypeError on a rule that the vault should not have let in.
 */
export function compileNetwork({ allowOut, denyOut }: NetworkRules): CompiledNetwork {
  const domains: string[] = [];
  const allowed: CidrRule[] = [];
  for (const text of allowOut) {
    const cidr = parseCidr(text);
    if (cidr === null) domains.push(text.toLowerCase());
    else allowed.push({ cidr, rule: `allow_out: ${text}` });
  }
  const denied = denyOut.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new TypeError(`deny_out: ${text} is not a CIDR`);
    return { cidr, rule: `deny_out: ${text}` };
  });
  const restricts = allowOut.length > 0;
  const denyAll = denied.find(({ cidr }) => cidr.address.family === 4 && cidr.bits === 0);

  const judge = (address: Address): Verdict => {
    const allow = matching(allowed, address);
    if (allow !== null) return { verdict: 'allow', rule: allow };
    const deny = denyAll?.rule ?? matching(denied, address);
    if (deny !== null || restricts) return { verdict: 'deny', rule: deny };
    return { verdict: 'allow', rule: null };
  };
  const judgeAnew = (host: string): Verdict => {
    const address = parseAddress(host);
    if (address !== null) return judge(address);
    const domain = domains.find((pattern) => hostMatchesBelow(pattern, host));
    if (domain !== undefined) return { verdict: 'allow', rule: `allow_out: ${domain}` };
    if (denyAll !== undefined) return { verdict: 'deny', rule: denyAll.rule };
    if (restricts) return { verdict: 'deny', rule: null };
    return { verdict: denied.length === 0 ? 'allow' : 'ask-address', rule: null };
  };
  const judged = new Map<string, Verdict>();
  return {
    judgeHost(host) {
      const known = judged.get(host);
      if (known !== undefined) return known;
      const verdict = judgeAnew(host);
      // A sandbox talks to few hosts; one that walks through names only costs itself the time.
      if (judged.size >= maxHosts) judged.clear();
      judged.set(host, verdict);
      return verdict;
    },
    judgeAddress(text) {
      const address = parseAddress(text);
      return address === null ? { verdict: 'deny', rule: null } : judge(address);
    },
  };
}

/** Both spellings of an address count: the one dialled, and the IPv4 address that it reaches. */
function matching(rules: readonly CidrRule[], address: Address): string | null {
  const reached = embeddedAddress(address);
  return rules.find(({ cidr }) => cidrContains(cidr, address) || cidrContains(cidr, reached))?.rule ?? null;
}
