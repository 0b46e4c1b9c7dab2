/** What every command exits with, but for `run` and `exec`, which pass on the command's own code. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** A command cannot go on. Printed as one line: `error: what; fix`. */
export class CliFailure extends Error {
  readonly exitCode: number;
  /** What to do about it, where that is known. */
  readonly fix: string | undefined;

  constructor(what: string, options: { fix?: string | undefined; exitCode?: number; cause?: unknown } = {}) {
    super(what, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CliFailure';
    this.exitCode = options.exitCode ?? exitCodes.failed;
    this.fix = options.fix;
  }
}

/** The command was typed wrongly: exit code 2. */
export function wrongUsage(what: string, fix?: string): CliFailure {
  return new CliFailure(what, { exitCode: exitCodes.usage, fix });
}

/** An error's message, or the word for what is not an Error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (`ENOENT`, `ECONNREFUSED`), or `unknown`. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
