import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { waitUntil } from './processes.ts';

/** A program on the screen of a real terminal, with somebody at the keyboard. */
export interface TmuxSession {
  /** What the screen shows, with what has scrolled away where asked for; lines without the spaces at their ends. */
  screen(options?: { scrollback?: boolean; escapes?: boolean }): string;
  /** Types text as it is. */
  type(text: string): void;
  /** Presses keys by tmux's names: `Enter`, `Tab`, `C-c`, `Down`. */
  press(...keys: string[]): void;
  /** Resolves once the screen shows it; throws with the screen where it does not. */
  waitFor(pattern: RegExp): Promise<void>;
  resize(columns: number, rows: number): void;
  stop(): void;
}

export interface TmuxOptions {
  words: readonly string[];
  env: Record<string, string>;
  cwd?: string;
  columns?: number;
  rows?: number;
}

/** Starts a tmux server of its own, without a configuration, with `words` on its one screen. */
export function startTmux({ words, env, cwd = '/', columns = 100, rows = 30 }: TmuxOptions): TmuxSession {
  const socket = `standin-${process.pid}-${randomBytes(4).toString('hex')}`;
  const run = (...args: string[]) =>
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', TERM: 'xterm-256color' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const variables = Object.entries({ LANG: 'C.UTF-8', ...env }).map(([name, value]) => `${name}=${value}`);
  const size = ['-x', String(columns), '-y', String(rows)];
  run('new-session', '-d', ...size, '-c', cwd, 'env', '-i', 'TERM=screen-256color', ...variables, ...words);
  run('set-option', '-g', 'remain-on-exit', 'on');
  const session: TmuxSession = {
    screen: ({ scrollback = false, escapes = false } = {}) =>
      run('capture-pane', '-p', ...(scrollback ? ['-S', '-'] : []), ...(escapes ? ['-e'] : []))
        .split('\n')
        .map((line) => line.trimEnd())
        .join('\n')
        .trimEnd(),
    type: (text) => void run('send-keys', '-l', '--', text),
    press: (...keys) => void run('send-keys', '--', ...keys),
    waitFor: async (pattern) => {
      try {
        await waitUntil(() => pattern.test(session.screen()), { what: String(pattern), withinMs: 20_000 });
      } catch (error) {
        throw new Error(`the screen does not show ${String(pattern)}:\n${session.screen()}`, { cause: error });
      }
    },
    resize: (width, height) => void run('resize-window', '-x', String(width), '-y', String(height)),
    stop: () => {
      try {
        run('kill-server');
      } catch {
        // It ended with its program.
      }
    },
  };
  return session;
}
