import { confirm, isCancel } from '@clack/prompts';
import { CliFailure } from './failure.ts';
import type { Io } from './io.ts';
import { keepingTerminal } from './keep-terminal.ts';

/** Whether there is somebody to ask: questions go to stderr, answers come from stdin. */
export function canAsk(io: Io): boolean {
  return io.stdin.isTTY && io.stderr.isTTY === true && io.env['TERM'] !== 'dumb';
}

/**
 * Asks on a terminal before something is destroyed; No is the default. Without a terminal, or with `yes`, it is not
 * asked. Throws where the answer is no.
 */
export async function confirmDestruction(io: Io, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true || !canAsk(io)) return;
  if (!(await askYesNo(io, question))) throw new CliFailure('nothing was done');
}

/** A question for yes or no; Ctrl-C is no. */
export async function askYesNo(io: Io, question: string): Promise<boolean> {
  const answer = await keepingTerminal(io, () =>
    confirm({ message: question, initialValue: false, input: io.stdin, output: io.stderr }),
  );
  return !isCancel(answer) && answer;
}
