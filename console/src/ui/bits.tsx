import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { link } from '../state/route.ts';
import { Icon } from './icons.tsx';
import type { IconName } from './icons.tsx';

/** The head of a page: where one is, what this is, what can be done. */
export function PageHead(props: {
  title: string;
  about?: ComponentChildren;
  /** The list that this one thing is of. */
  from?: readonly [label: string, ...segments: string[]];
  mark?: ComponentChildren;
  children?: ComponentChildren;
}): JSX.Element {
  const [label, ...segments] = props.from ?? [];
  return (
    <div class="page-head">
      <div>
        {label !== undefined && (
          <a class="crumb" href={link(...segments)}>
            <Icon name="back" size={12} />
            {label}
          </a>
        )}
        <div class="named">
          {props.mark}
          <h1 tabIndex={-1}>{props.title}</h1>
        </div>
        {props.about !== undefined && <p>{props.about}</p>}
      </div>
      <div class="row">{props.children}</div>
    </div>
  );
}

export function Tabs(props: {
  label: string;
  current: string;
  tabs: readonly { id: string; title: string; count?: number | undefined; href: string }[];
}): JSX.Element {
  const strip = useRef<HTMLElement>(null);
  // Where there is no room for all of them, the current one is seen.
  useEffect(() => {
    strip.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [props.current]);
  return (
    <nav class="tabs" aria-label={props.label} ref={strip}>
      {props.tabs.map(({ id, title, count, href }) => (
        <a key={id} href={href} {...(id === props.current ? { 'aria-current': 'page' as const } : {})}>
          {title}
          {count !== undefined && <span class="count">{count}</span>}
        </a>
      ))}
    </nav>
  );
}

/** Nothing is here yet: why, and the next step. */
export function Empty(props: { icon: IconName; title: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <Icon name={props.icon} size={22} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export type Tone = 'ok' | 'warn' | 'bad' | 'accent' | 'plain';

export function Tag({
  tone = 'plain',
  dot = false,
  children,
}: {
  tone?: Tone;
  dot?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <span class={`tag ${tone}`}>
      {dot && <span class="dot" />}
      {children}
    </span>
  );
}

/** Two letters on a colour that the name decides: no vendor's logo is used. */
export function Mark({ name }: { name: string }): JSX.Element {
  const words = name.split(/[\s_-]+/).filter(Boolean);
  const letters = words.length > 1 ? `${words[0]?.[0] ?? ''}${words[1]?.[0] ?? ''}` : name.slice(0, 2);
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 997;
  return (
    <span class={`mark m${1 + (sum % 6)}`} aria-hidden="true">
      {letters.charAt(0).toUpperCase() + letters.slice(1).toLowerCase()}
    </span>
  );
}

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <p class="live" role="status">
      <span class="spinner" aria-hidden="true" />
      {`Loading ${what}…`}
    </p>
  );
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ''}`;
}
