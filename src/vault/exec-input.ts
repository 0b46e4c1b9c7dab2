import { badField } from '../errors.ts';
import type { ExecRequest } from '../sandbox/driver.ts';
import { requireEnvKey, requireText } from './text.ts';
import type { ExecInput } from './types.ts';

/** A NUL would cut an argument or a variable short where the kernel reads it. */
export function requireExec(input: ExecInput): ExecRequest {
  if (input.command === '') throw badField('command', 'must not be empty');
  requireText('command', input.command);
  for (const [index, argument] of (input.args ?? []).entries()) requireText(`args.${index}`, argument);
  if (input.workingDir !== undefined) requireText('working_dir', input.workingDir);
  const env = input.env ?? {};
  for (const [key, value] of Object.entries(env)) {
    const field = `env.${key.slice(0, 80)}`;
    requireEnvKey(field, key);
    requireText(field, value);
  }
  return { ...input, env };
}
