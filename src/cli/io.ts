import type { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** What the command line has of its process; a test gives its own. */
export interface Io {
  /** Of the person who typed the command: TERM, `--from-env`, STANDIN_URL. Settings are read by `config.ts`. */
  env: NodeJS.ProcessEnv;
  cwd: string;
  stdin: ReadStream;
  stdout: OutputStream;
  stderr: OutputStream;
}

/** A terminal or a pipe. */
export type OutputStream = Writable & { isTTY?: boolean; columns?: number; rows?: number };

/** The process's own. */
export function processIo(): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  };
}
