import { execFileSync, spawn } from 'node:child_process';

/** A program on a terminal of its own, with somebody at the keyboard. */
export interface TerminalSession {
  /** All that the terminal showed. */
  shown(): string;
  /** Resolves once the terminal shows it; throws where the program ends before. */
  waitFor(pattern: RegExp): Promise<void>;
  type(text: string): void;
  /** The exit code. */
  ended: Promise<number | null>;
}

/** Whether this machine has `script` of util-linux, which makes terminals. */
export function canMakeTerminals(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
}

/** Starts `words` on a terminal of 100 by 30; `script` answers with the program's own exit code. */
export function startOnTerminal(words: readonly string[], env: Record<string, string> = {}): TerminalSession {
  const line = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty columns 100 rows 30; exec ${line}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...env },
  });
  let shown = '';
  const watchers = new Set<() => void>();
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      resolve(code);
      for (const watcher of watchers) watcher();
    });
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    for (const watcher of watchers) watcher();
  });
  return {
    shown: () => shown,
    ended,
    type: (text) => void child.stdin.write(text),
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (pattern.test(shown)) resolve();
          else if (child.exitCode !== null) reject(new Error(`ended before ${pattern}: ${shown}`));
          else return;
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      }),
  };
}
