import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 10_000);

const steps = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [86_400 * 60, 86_400, 'd'],
] as const;

/** How long ago, with the exact time as its title; `never` where there is none. */
export function Ago({ at, never = 'never' }: { at: string | null | undefined; never?: string }): JSX.Element {
  if (at === null || at === undefined) return <span class="muted">{never}</span>;
  return (
    <time dateTime={at} title={exactly(at)}>
      {agoText((now.value - Date.parse(at)) / 1000, at)}
    </time>
  );
}

/** The time of day to the second, with the date as its title. */
export function Clock({ at }: { at: string }): JSX.Element {
  const date = new Date(at);
  const today = date.toDateString() === new Date(now.value).toDateString();
  return (
    <time dateTime={at} title={exactly(at)}>
      {!today && `${date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })} `}
      {date.toLocaleTimeString(undefined, { hourCycle: 'h23' })}
    </time>
  );
}

export function exactly(at: string | number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });
}

function agoText(seconds: number, at: string): string {
  if (seconds < 5) return 'just now';
  for (const [limit, unit, name] of steps) if (seconds < limit) return `${Math.floor(seconds / unit)} ${name} ago`;
  return new Date(at).toLocaleDateString(undefined, { dateStyle: 'medium' });
}
