import type { JSX } from 'preact';
import type { HostRule } from './rule.ts';

/** What an upstream gets in place of the stand-in, one block for each group of hosts. */
export function HeaderPreview({ rules }: { rules: readonly HostRule[] }): JSX.Element {
  return (
    <div class="stack tight">
      {rules.map(({ hosts, headers }, index) => (
        <div key={index} class="sent">
          <p class="sent-to">
            <span class="muted">to </span>
            <span class="mono">{hosts.length === 0 ? 'a host' : hosts.join(', ')}</span>
          </p>
          {headers.map(({ name, value }) => (
            <p key={name} class="mono sent-header">
              <span class="name">{name}:</span> {value}
            </p>
          ))}
        </div>
      ))}
    </div>
  );
}
