import { isCancel, password } from '@clack/prompts';
import { CliFailure, wrongUsage } from './failure.ts';
import type { Io } from './io.ts';

/** The API takes 8192 bytes of a value; one more byte is read to tell that it was more. */
const mostBytes = 8192;

export interface ValueSource {
  fromStdin?: boolean | undefined;
  /** The name of a variable of the caller's environment. */
  fromEnv?: string | undefined;
  /** What the value is asked for as. */
  prompt: string;
}

/**
 * A secret's value from the place that the options name, else from a prompt that shows nothing of it. One line break at
 * the end of stdin is dropped, since `echo` and editors add it.
 */
export async function readValue(io: Io, source: ValueSource): Promise<string> {
  if (source.fromStdin === true && source.fromEnv !== undefined) {
    throw wrongUsage('the value is to come from two places', 'give --from-stdin or --from-env, not both');
  }
  if (source.fromEnv !== undefined) return fromEnvironment(io, source.fromEnv);
  if (source.fromStdin === true) return await fromStdin(io);
  if (!io.stdin.isTTY || !io.stderr.isTTY) {
    throw wrongUsage(
      'there is no terminal to ask for the value on',
      'pipe it in with --from-stdin, or name a variable with --from-env',
    );
  }
  return await fromPrompt(io, source.prompt);
}

/** Refuses a value that was typed as an argument, without repeating it. */
export function refuseArgument(given: unknown): void {
  if (given === undefined) return;
  throw wrongUsage(
    'a value is never taken from an argument, where the process list and the shell history show it',
    'leave it out to be asked for it, or use --from-stdin or --from-env NAME (and replace a value that was shown so)',
  );
}

function fromEnvironment(io: Io, name: string): string {
  const value = io.env[name];
  if (value === undefined || value === '')
    throw new CliFailure(`the variable ${name} is not set`, { fix: `export ${name} first` });
  return value;
}

async function fromStdin(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of io.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > mostBytes + 2) break;
  }
  const bytes = Buffer.concat(chunks);
  const end = bytes.at(-1) !== 0x0a ? size : bytes.at(-2) === 0x0d ? size - 2 : size - 1;
  if (end === 0) throw new CliFailure('stdin was empty', { fix: 'pipe the value in' });
  if (end > mostBytes) throw new CliFailure(`the value is over ${mostBytes} bytes`, { fix: 'store a shorter one' });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end));
  } catch {
    throw new CliFailure('stdin was not UTF-8', { fix: 'store text; encode binary keys as their provider says' });
  }
}

async function fromPrompt(io: Io, prompt: string): Promise<string> {
  const answer = await password({
    message: prompt,
    // The length is part of the secret: no character is shown for one typed.
    mask: '',
    input: io.stdin,
    output: io.stderr,
    validate: (text) => (text === undefined || text === '' ? 'must not be empty' : undefined),
  });
  if (isCancel(answer)) throw new CliFailure('nothing was stored: the prompt was cancelled');
  return answer;
}
