import { signal } from '@preact/signals';

export interface Notice {
  id: number;
  kind: 'done' | 'failed';
  text: string;
}

const shownForMs = 6000;
let last = 0;

/** What happened lately, newest last; the status region reads them out. */
export const notices = signal<readonly Notice[]>([]);

export function say(text: string, kind: Notice['kind'] = 'done'): void {
  last += 1;
  const notice = { id: last, kind, text };
  notices.value = [...notices.value.slice(-3), notice];
  setTimeout(() => dismiss(notice.id), kind === 'done' ? shownForMs : 2 * shownForMs);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((each) => each.id !== id);
}
