import { z } from 'zod';
import { envKey, strict, text, timestamp, wholeNumber } from './fields.ts';

const program = {
  /** With `args`, a program; without, a line for the shell. */
  command: text({ min: 1, max: 1_048_576 }),
  args: z
    .array(text({ max: 131_072 }))
    .max(4096)
    .optional(),
  env: z.record(envKey, text({ max: 131_072 })).optional(),
  working_dir: text({ min: 1, max: 4096 }).optional(),
};

/** signal(7), but those that report a fault of the process itself, and those of real time. */
const signalNames = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGABRT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGWINCH',
] as const;

const timeout = wholeNumber({ min: 1, max: 86_400 });

/** Without `timeout_s` a command has 30 seconds, less a moment: clients that wait as long are to get an answer. */
export const execRequest = strict({ ...program, timeout_s: timeout.optional() });
export const defaultTimeoutSeconds = 29.5;

export const execResponse = z.object({
  /** UTF-8; bytes that are none are replaced by U+FFFD. */
  stdout: z.string(),
  stderr: z.string(),
  /** 124 after a time-out, 128 + number after a signal. */
  exit_code: z.int(),
  /** True where either stream was longer than is kept. */
  truncated: z.boolean(),
});

/** One server-sent event of `POST /exec/stream`; the last one has `finished`. */
export const execEvent = z.union([
  z.object({
    exit_code: z.int(),
    finished: z.literal(true),
    error: z.string().optional(),
    code: z.string().optional(),
  }),
  z.object({ timestamp, stdout: z.string() }),
  z.object({ timestamp, stderr: z.string() }),
]);

export const terminalSize = {
  columns: wholeNumber({ min: 1, max: 4096 }),
  rows: wholeNumber({ min: 1, max: 4096 }),
};

/** The first frame of `GET /exec/connect`. Without `timeout_s` the command may run as long as it likes. */
export const execConnectRequest = strict({
  ...program,
  timeout_s: timeout.optional(),
  tty: strict(terminalSize).optional(),
});

/** A text frame from the client after the first. */
export const execControl = z.discriminatedUnion('type', [
  strict({ type: z.literal('stdin_close') }),
  strict({
    type: z.literal('signal'),
    name: z.enum(signalNames),
  }),
  strict({ type: z.literal('resize'), ...terminalSize }),
]);

/** A text frame to the client: the end, or why there will be none. */
export const execOutcome = z.union([
  z.object({ exit_code: z.int(), finished: z.literal(true) }),
  z.object({ error: z.string(), code: z.string() }),
]);
