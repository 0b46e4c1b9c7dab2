import type { JSX } from 'preact';

/** Whether what is seen grows by itself. */
export function LiveTag({ on, paused = 'not connected' }: { on: boolean; paused?: string }): JSX.Element {
  return (
    <span class={on ? 'live on' : 'live'}>
      <span class="dot" aria-hidden="true" />
      {on ? 'Live' : paused}
    </span>
  );
}
