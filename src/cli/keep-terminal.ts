import type { Io } from './io.ts';

const showCursor = '\u001B[?25h';
const ending = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/**
 * Runs a prompt. A signal that ends the process meanwhile finds the terminal as it was: prompts hide the cursor and
 * show what is typed as it comes, and Node gives back the mode alone.
 */
export async function keepingTerminal<T>(io: Io, ask: () => Promise<T>): Promise<T> {
  const restore = (name: NodeJS.Signals) => {
    if (io.stdin.isTTY) io.stdin.setRawMode(false);
    io.stderr.write(`${showCursor}\n`, () => {
      stop();
      process.kill(process.pid, name);
    });
  };
  const stop = () => {
    for (const name of ending) process.off(name, restore);
  };
  for (const name of ending) process.once(name, restore);
  try {
    return await ask();
  } finally {
    stop();
  }
}
