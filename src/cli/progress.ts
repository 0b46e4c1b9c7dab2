import { painter, wantsColor } from './color.ts';
import type { Cli, CommonOptions } from './command.ts';
import { bytes, cut, printable } from './text.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const clearLine = '\r\u001B[K';
/** Work that ends sooner shows nothing. */
const appearsAfterMs = 150;
const frameMs = 80;

/** One line on stderr that says what is going on, gone when it is over. */
export interface Progress {
  /** What is being done now. */
  say(text: string): void;
  /** So many bytes of so many: shows amount, share and rate. Null: how many there will be is not known. */
  count(done: number, total: number | null): void;
}

/**
 * Shows a line on stderr while `work` goes on: only on a terminal that can move its cursor, and not with `--json`. The
 * line is taken away at the end, also where a signal ends the process. The cursor is not hidden and no mode is
 * changed, so nothing else has to be put back.
 */
export async function withProgress<T>(
  cli: Pick<Cli, 'io'>,
  { text, ...options }: CommonOptions & { text: string },
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const { io } = cli;
  if (io.stderr.isTTY !== true || io.env['TERM'] === 'dumb' || options.json === true) {
    return await work({ say: () => undefined, count: () => undefined });
  }
  const style = painter(wantsColor(io, io.stderr, options.color));
  const started = Date.now();
  let words = text;
  let counted = '';
  let frame = 0;
  let shown = false;
  const draw = () => {
    if (Date.now() - started < appearsAfterMs) return;
    shown = true;
    const line = cut(printable(`${words}${counted}`), (io.stderr.columns ?? 80) - 3);
    io.stderr.write(`${clearLine}${style('cyan', frames[frame++ % frames.length] ?? '')} ${line}`);
  };
  const clear = () => {
    clearInterval(timer);
    if (shown) io.stderr.write(clearLine);
    process.off('SIGINT', end).off('SIGTERM', end);
  };
  const end = (name: NodeJS.Signals) => {
    clear();
    // Whoever else takes these signals decides; where nobody does, they do what they always do.
    if (process.listenerCount(name) === 0) process.kill(process.pid, name);
  };
  const timer = setInterval(draw, frameMs);
  process.on('SIGINT', end).on('SIGTERM', end);
  try {
    return await work({
      say: (next) => {
        words = next;
        counted = '';
      },
      count: (done, total) => {
        counted = ` ${amountOf(done, total, (Date.now() - started) / 1000)}`;
      },
    });
  } finally {
    clear();
  }
}

/** `1.2 MB of 4 MB, 30 %, 600 KB/s`. */
export function amountOf(done: number, total: number | null, seconds: number): string {
  const rate = seconds > 0 ? `, ${bytes(Math.round(done / seconds))}/s` : '';
  if (total === null) return `${bytes(done)}${rate}`;
  const share = total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100));
  return `${bytes(done)} of ${bytes(total)}, ${share} %${rate}`;
}
