import type { JSX } from 'preact';

/** The first host, and how many more. */
export function Hosts({ hosts }: { hosts: readonly string[] }): JSX.Element {
  const [first, ...more] = hosts;
  return (
    <span class="mono" title={hosts.join('\n')}>
      {first ?? '–'}
      {more.length > 0 && <span class="muted">{` +${more.length}`}</span>}
    </span>
  );
}
