import { pino } from 'pino';
import type { Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Fields that could carry a credential are cut out whatever their value; a `Secret` prints as `[secret]` by itself. */
const redacted = [
  'value',
  'token',
  'access_token',
  'proxy_token',
  'api_key',
  'authorization',
  'headers',
  'env',
  'body',
];

/** JSON lines on stderr, or short coloured lines where stderr is a terminal. */
export function createLogger(options: { level: LogLevel; name?: string; pretty?: boolean }): Logger {
  const settings = {
    level: options.level,
    base: options.name === undefined ? {} : { room: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: redacted.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
  };
  return pino(settings, options.pretty === true ? prettyStream() : pino.destination({ dest: 2, sync: true }));
}

/** Name, message and stack of an error and of its causes; none of the extra fields a library may hang on it. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: 'not an Error' };
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** A line of pino's own. */
function parseLine(line: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line);
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
}

const colours: Record<string, string> = { fatal: '31', error: '31', warn: '33', info: '36', debug: '2', trace: '2' };

function prettyStream(): { write: (line: string) => void } {
  return {
    write(line) {
      const { level, time, room, msg, ...rest } = parseLine(line);
      const name = String(level);
      const stamp = String(time).slice(11, 19);
      const extra = Object.entries(rest)
        .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join('');
      const place = typeof room === 'string' ? `${room}: ` : '';
      process.stderr.write(
        `\u001b[2m${stamp}\u001b[0m \u001b[${colours[name] ?? '0'}m${name.padEnd(5)}\u001b[0m ${place}${String(msg)}\u001b[2m${extra}\u001b[0m\n`,
      );
    },
  };
}
