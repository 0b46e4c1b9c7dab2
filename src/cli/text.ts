import { stripVTControlCharacters } from 'node:util';

/**
 * A value from the server as it may be shown on a terminal. A path in the audit trail is chosen by the sandbox: control
 * and format characters (escape sequences, line breaks, text that runs backwards) are replaced.
 */
export function printable(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === '') return '–';
  return stripVTControlCharacters(String(value)).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
}

const graphemes = new Intl.Segmenter();
/** Blocks that terminals draw two columns wide: Unicode's EastAsianWidth W and F, and pictures. */
const wide =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;

/** Columns that text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** Text of at most `width` columns; what is cut off shows as `…`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= wide.test(segment) ? 2 : 1;
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** A number of bytes as people read it: `0 B`, `999 B`, `1.5 KB`, `12 MB`. Thousands, as disks and networks count. */
export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  // Rounded as it is shown, so that 999,999 is 1 MB and not 1000 KB.
  while (Number(value.toPrecision(3)) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(value < 10 ? 2 : 3))} ${units[unit]}`;
}

/** POSIX shell quoting: everything between single quotes stands for itself. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
