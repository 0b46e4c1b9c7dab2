import { z } from 'zod';
import { openSandbox } from '../allowed.ts';
import { path, sandboxId } from '../fields.ts';
import { HeadAndTail } from '../output.ts';
import { tool } from '../tool.ts';

const defaultTimeoutSeconds = 60;
const longestTimeoutSeconds = 3600;
const defaultOutput = 32_768;
const mostOutput = 524_288;
/** Milliseconds between two notifications of progress. */
const progressEveryMs = 250;
/** Characters of new output in one of them. */
const progressText = 2000;

/** What a command exits with that ran out of time. */
const timedOut = 124;

/** Runs a command, telling of its output as it comes. */
export const exec = tool({
  name: 'exec',
  title: 'Run a command',
  description:
    'Runs a line of the shell in a sandbox to its end and answers what it wrote. A command that fails is no error of the tool: ' +
    'look at exit_code. Stand-ins are in the variables that sandbox_get lists; use them as if they were the keys. A paused sandbox is resumed.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  input: z.object({
    sandbox_id: sandboxId,
    command: z.string().min(1).max(131_072).describe('A line for the shell of the sandbox'),
    working_dir: path.optional(),
    timeout_seconds: z
      .int()
      .min(1)
      .max(longestTimeoutSeconds)
      .default(defaultTimeoutSeconds)
      .describe('Ended after so long: exit code 124'),
    max_output: z
      .int()
      .min(256)
      .max(mostOutput)
      .default(defaultOutput)
      .describe('Characters kept of each stream: its beginning and its end'),
  }),
  output: z.object({
    exit_code: z.int().describe('124: out of time; 128 + number: ended by a signal'),
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean().describe('The middle of a stream was left out'),
    timed_out: z.boolean(),
    duration_ms: z.int(),
  }),
  async run(input, call) {
    const began = performance.now();
    const sandbox = await openSandbox(input.sandbox_id, call);
    const kept = { stdout: new HeadAndTail(input.max_output), stderr: new HeadAndTail(input.max_output) };
    let length = 0;
    let news = '';
    let toldAt = 0;
    const options = {
      timeoutMs: input.timeout_seconds * 1000,
      signal: call.signal,
      ...(input.working_dir !== undefined && { cwd: input.working_dir }),
    };
    for await (const event of sandbox.commands.stream(input.command, options)) {
      if (event.type === 'exit') {
        return {
          exit_code: event.exitCode,
          stdout: kept.stdout.toString(),
          stderr: kept.stderr.toString(),
          truncated: kept.stdout.truncated || kept.stderr.truncated,
          timed_out: event.exitCode === timedOut && performance.now() - began >= options.timeoutMs,
          duration_ms: Math.round(performance.now() - began),
        };
      }
      kept[event.type].add(event.data);
      length += event.data.length;
      news = (news + event.data).slice(-progressText);
      if (performance.now() - toldAt < progressEveryMs) continue;
      await call.progress(length, news.toWellFormed());
      toldAt = performance.now();
      news = '';
    }
    throw new TypeError('a command stream ends with its exit code or throws');
  },
  text({ exit_code: code, stdout, stderr, timed_out: late }) {
    const parts = [
      stdout,
      stderr === '' ? '' : `[stderr]\n${stderr}`,
      `[exit code ${code}${late ? ', out of time' : ''}]`,
    ];
    return parts.filter((part) => part !== '').join('\n');
  },
});
