import { ApiError, ConnectionError } from '../client/errors.ts';
import { CliFailure, exitCodes, messageOf } from './failure.ts';
import type { ServerAddress } from './find-server.ts';

/** An error in words: what went wrong, and what to do where that is known. */
export interface Explanation {
  what: string;
  fix: string | undefined;
  exitCode: number;
}

/** An error of any kind in words; `server` is the one that was talked to, if any was. */
export function explain(error: unknown, server: ServerAddress | undefined): Explanation {
  const what = singleLine(messageOf(error));
  if (error instanceof CliFailure) return { what, fix: error.fix, exitCode: error.exitCode };
  const failed = (fix?: string, words = what): Explanation => ({ what: words, fix, exitCode: exitCodes.failed });
  if (error instanceof ConnectionError) {
    return failed(`start one with \`standin serve\`${server?.file === null ? ', or correct STANDIN_URL' : ''}`);
  }
  if (!(error instanceof ApiError)) return failed();
  if (error.code === 'unauthorized' && server !== undefined) {
    const place = server.file ?? 'STANDIN_API_KEY';
    return failed(`put a live key into ${place}`, `${server.url} does not take the key in ${place}`);
  }
  if (error.retryAfter !== undefined) return failed(`try again in ${error.retryAfter} s`);
  if (error.code === 'internal') return failed(`look for request ${error.requestId ?? ''} in the server's log`);
  return failed();
}

/** As it is printed. */
export function lineOf({ what, fix }: Explanation): string {
  return `error: ${what}${fix === undefined ? '' : `; ${fix}`}`;
}

function singleLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
