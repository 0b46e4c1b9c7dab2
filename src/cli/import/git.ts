import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Io } from '../io.ts';

const run = promisify(execFile);

/** A clone may lack objects, and name the program that fetches them: none is fetched. */
const offline = { GIT_NO_LAZY_FETCH: '1', GIT_ALLOW_PROTOCOL: 'none', GIT_TERMINAL_PROMPT: '0' };

/** What git knows of a file: whether it is tracked now, and whether it ever was. Neither, where there is no git. */
export async function askGit(io: Pick<Io, 'env'>, path: string): Promise<{ tracked: boolean; inHistory: boolean }> {
  const name = basename(path);
  // The repository may be anybody's: no program that its configuration names is run.
  const safe = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'log.showSignature=false'];
  const ask = async (...words: string[]): Promise<string | null> => {
    try {
      const { stdout } = await run('git', [...safe, '-C', dirname(path), ...words], {
        env: { PATH: io.env['PATH'], HOME: io.env['HOME'], LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', ...offline },
        timeout: 10_000,
      });
      return stdout;
    } catch {
      return null;
    }
  };
  const tracked = ((await ask('ls-files', '--', name)) ?? '') !== '';
  const inHistory = ((await ask('log', '--all', '--format=%h', '-n', '1', '--', name)) ?? '') !== '';
  return { tracked, inHistory };
}
