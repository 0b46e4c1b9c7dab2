import { ZodError } from 'zod';
import {
  AuthenticationError,
  ConnectionError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  StandinError,
  StorageFullError,
  TimeoutError,
} from '../client/library.ts';

/** A tool refuses; the message names the fix. */
export class ToolFailure extends Error {}

type FailureClass = new (...given: never[]) => StandinError;

/** What to do about a failure, by its class; the most special first. */
const fixes: readonly [FailureClass, string][] = [
  [PermissionDeniedError, 'the API key that this MCP server uses may not do this; its owner can use an operator key'],
  [
    AuthenticationError,
    'the API key that this MCP server uses is not taken; its owner sets STANDIN_API_KEY and starts it again',
  ],
  [NotFoundError, 'sandbox_list and secret_list show what there is'],
  [RateLimitError, 'wait, or delete a sandbox that is no longer needed with sandbox_delete'],
  [StorageFullError, 'delete files in the sandbox with exec'],
  [TimeoutError, 'try again; whether it was done is not known'],
];

/** One line for a model: what is wrong, and what to do. Never a value, a token or a stack. */
export function explainFailure(error: unknown, baseUrl: string): string {
  if (error instanceof ToolFailure) return error.message;
  if (error instanceof ConnectionError) {
    return `connection_failed: no Standin server answers at ${baseUrl}; its owner starts it with \`standin serve\``;
  }
  if (error instanceof StandinError) {
    const fix = fixes.find(([each]) => error instanceof each)?.[1];
    return `${error.code}: ${error.message}${fix === undefined ? '' : `; ${fix}`}`;
  }
  if (error instanceof ZodError) {
    const [issue] = error.issues;
    return `bad_request: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not what this takes'}`;
  }
  return 'internal: the MCP server failed; try again';
}
