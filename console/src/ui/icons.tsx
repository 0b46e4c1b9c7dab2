import type { JSX } from 'preact';

/** Strokes on a grid of 16, drawn for this console. */
const paths = {
  key: 'M10.5 9.5a3.5 3.5 0 1 0-3.3-2.3L2.5 12v1.5H5V12h1.5v-1.5H8l.9-.9c.5.3 1 .4 1.6.4ZM11.2 5.3h.01',
  box: 'M8 1.8 13.5 5v6L8 14.2 2.5 11V5L8 1.8ZM2.7 5.1 8 8.2l5.3-3.1M8 8.2v5.8',
  activity: 'M1.5 8.5h3l2-5.5 3 10 2-4.5h3',
  gear: 'M3 4.5h5M11.5 4.5H13M3 11.5h1.5M8 11.5h5M8 4.5a1.75 1.75 0 1 0 3.5 0a1.75 1.75 0 1 0-3.5 0ZM4.5 11.5a1.75 1.75 0 1 0 3.5 0a1.75 1.75 0 1 0-3.5 0Z',
  plus: 'M8 3v10M3 8h10',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3 13.5 13.5',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  check: 'M3 8.5 6.5 12 13 4.5',
  close: 'm4 4 8 8M12 4l-8 8',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  moon: 'M13 9.8A5.6 5.6 0 0 1 6.2 3 5.6 5.6 0 1 0 13 9.8Z',
  system: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  leave: 'M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M4.5 3v10l8-5z',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9M6.8 7v4M9.2 7v4',
  rotate: 'M13 8a5 5 0 1 1-1.6-3.7L13 5.8M13 2.5v3.3H9.7',
  terminal: 'M2 3h12v10H2zM4.5 6l2 2-2 2M8 10.2h3.5',
  folder: 'M2 4h4l1.4 1.6H14V13H2z',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  down: 'M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10',
  up: 'M8 11V3M4.5 6 8 2.5 11.5 6M3 13.5h10',
  alert: 'M8 2.2 14.3 13H1.7L8 2.2ZM8 6.5v3M8 11.2h.01',
  refused: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM3.8 3.8l8.4 8.4',
  book: 'M8 4C6.5 3 4.6 2.7 2 2.8v9.6c2.6-.1 4.5.2 6 1.2 1.5-1 3.4-1.3 6-1.2V2.8C11.4 2.7 9.5 3 8 4ZM8 4v9.6',
  link: 'M6.7 9.3 9.3 6.7M7.2 4.7l1-1a2.9 2.9 0 0 1 4.1 4.1l-1 1M8.8 11.3l-1 1a2.9 2.9 0 0 1-4.1-4.1l1-1',
  flask: 'M6 2h4M6.7 2v4L3 12.8c-.3.6.1 1.2.7 1.2h8.6c.6 0 1-.6.7-1.2L9.3 6V2M4.8 9.8h6.4',
} as const;

export type IconName = keyof typeof paths;

/** Decoration beside words; it says nothing to a screen reader. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** A stand-in beside the real thing. */
export function Logo(): JSX.Element {
  return (
    <svg aria-hidden="true" width="22" height="22" viewBox="0 0 32 32" fill="none">
      <circle cx="11" cy="16" r="8" stroke="currentColor" stroke-width="2.6" stroke-dasharray="3.6 2.7" />
      <circle cx="21" cy="16" r="8" fill="currentColor" />
    </svg>
  );
}
