import { ApiError, ConnectionError } from '../client/errors.ts';
import { CliFailure, exitCodes, messageOf } from './failure.ts';
import type { ServerAddress } from './find-server.ts';
import { printable } from './text.ts';

/** An error in words: what went wrong, and what to do where that is known. */
export interface Explanation {
  /** The server's own code, `unreachable`, `usage` or `failed`. */
  code: string;
  what: string;
  fix: string | undefined;
  exitCode: number;
}

/** An error of any kind in words; `server` is the one that was talked to, if any was. */
export function explain(error: unknown, server: ServerAddress | undefined): Explanation {
  const what = singleLine(messageOf(error));
  if (error instanceof CliFailure) {
    return {
      code: error.exitCode === exitCodes.usage ? 'usage' : 'failed',
      what,
      fix: error.fix,
      exitCode: error.exitCode,
    };
  }
  const failed = (code: string, fix?: string, words = what): Explanation => ({
    code,
    what: words,
    fix,
    exitCode: exitCodes.failed,
  });
  if (error instanceof ConnectionError) {
    return failed(
      'unreachable',
      `start one with \`standin serve\`${server?.file === null ? ', or correct STANDIN_URL' : ''}`,
    );
  }
  if (!(error instanceof ApiError)) return failed('failed');
  if (error.code === 'unauthorized' && server !== undefined) {
    const place = server.file ?? 'STANDIN_API_KEY';
    return failed(error.code, `put a live key into ${place}`, `${server.url} does not take the key in ${place}`);
  }
  if (error.retryAfter !== undefined) return failed(error.code, `try again in ${error.retryAfter} s`);
  if (error.code === 'internal')
    return failed(error.code, `look for request ${error.requestId ?? ''} in the server's log`);
  return failed(error.code);
}

/** As it is printed: one line, or on a terminal two, the second of which says what to do. */
export function linesOf(
  { what, fix }: Explanation,
  options: { terminal: boolean; red: (text: string) => string },
): string {
  const start = `${options.red('error')}: ${printable(what)}`;
  if (fix === undefined) return `${start}\n`;
  return options.terminal ? `${start}\n     → ${printable(fix)}\n` : `${start}; ${printable(fix)}\n`;
}

/** As it is printed with `--json`, on stderr. */
export function jsonOf({ code, what, fix, exitCode }: Explanation): string {
  return `${JSON.stringify({ error: { code, message: what, fix: fix ?? null, exit_code: exitCode } })}\n`;
}

function singleLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
