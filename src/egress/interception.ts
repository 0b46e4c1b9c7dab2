import { hostMatchesBelow } from '../net/hostname.ts';
import type { BindingSnapshot, NetworkRules } from './ports.ts';

/** Which TLS a sandbox's rules have opened, and which goes through untouched. */
export interface CompiledInterception {
  /**
   * The rule by which TLS to this host (a lower-case name, or the text of an address) is passed through unopened:
   * `tunnel_out: *.example.com` or `intercept: bound`. Null: it is opened.
   */
  tunnelledBy(host: string): string | null;
}

const opensAll: CompiledInterception = { tunnelledBy: () => null };

/**
 * A host that a binding names is opened whatever else the rules say, also when its secret was deleted: only in what is
 * opened are stand-ins swapped, and those of deleted secrets refused. The vault lets no such host into `tunnel_out`; this
 * holds for what it did not see.
 */
export function compileInterception(rules: {
  network: NetworkRules;
  bindings: readonly Pick<BindingSnapshot, 'rules'>[];
}): CompiledInterception {
  const { intercept, tunnelOut = [] } = rules.network;
  if (intercept !== 'bound' && tunnelOut.length === 0) return opensAll;
  const exact = new Set<string>();
  /** What follows the one label that a wildcard stands for, with its dot. */
  const below = new Set<string>();
  for (const binding of rules.bindings) {
    for (const { hosts } of binding.rules) {
      for (const host of hosts) {
        if (host.startsWith('*.')) below.add(host.slice(1));
        else exact.add(host);
      }
    }
  }
  const tunnelled = tunnelOut.map((pattern) => pattern.toLowerCase());
  const otherwise = intercept === 'bound' ? 'intercept: bound' : null;
  return {
    tunnelledBy(host) {
      const dot = host.indexOf('.');
      if (exact.has(host) || (dot > 0 && below.has(host.slice(dot)))) return null;
      const pattern = tunnelled.find((each) => hostMatchesBelow(each, host));
      return pattern === undefined ? otherwise : `tunnel_out: ${pattern}`;
    },
  };
}
