import { styleText } from 'node:util';
import type { Io, OutputStream } from './io.ts';

export type Style = Parameters<typeof styleText>[0];

/** What `--color` takes. */
export const colorChoices = ['auto', 'always', 'never'] as const;
export type ColorChoice = (typeof colorChoices)[number];

/**
 * Whether escape codes for colour may be written to `stream`. `--color` wins; then NO_COLOR (no-color.org: set and not
 * empty), FORCE_COLOR (`0` and `false` forbid), TERM=dumb; then whether it is a terminal.
 */
export function wantsColor({ env }: Pick<Io, 'env'>, stream: OutputStream, choice: ColorChoice = 'auto'): boolean {
  if (choice !== 'auto') return choice === 'always';
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return env['TERM'] !== 'dumb' && stream.isTTY === true;
}

/** Dresses text where `on`; otherwise gives it back. */
export function painter(on: boolean): (style: Style, text: string) => string {
  return (style, text) => (on ? styleText(style, text, { validateStream: false }) : text);
}
