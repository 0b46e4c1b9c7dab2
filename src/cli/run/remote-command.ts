import type { Client, SandboxAccess } from '../../client/client.ts';
import type { ExecConnection } from '../../client/exec-connection.ts';
import type { ExecConnectRequest } from '../../contract/operations.ts';
import type { Io, OutputStream } from '../io.ts';
import type { SignalRelay } from './signals.ts';

/** Of the person's terminal, what a program inside wants to know. */
const terminalVariables = ['TERM', 'LANG', 'LC_ALL', 'COLORTERM', 'NO_COLOR'];

export interface RemoteCommand {
  client: Client;
  sandbox: SandboxAccess;
  /** Without `args`: a line for the shell. */
  request: Pick<ExecConnectRequest, 'command' | 'args' | 'env' | 'working_dir' | 'timeout_s'>;
  signals: SignalRelay;
  /** False: never a terminal, also where there is one here. */
  terminal?: boolean;
}

/**
 * Runs a command in a sandbox as if it ran here: a terminal where both stdin and stdout are one (raw, and it follows
 * this one's size), else pipes; signals are passed on. Resolves with its exit code, 128 + number after a signal.
 */
export async function runRemotely(io: Io, command: RemoteCommand): Promise<number> {
  const { client, sandbox, request, signals } = command;
  const isTerminal = command.terminal !== false && io.stdin.isTTY && io.stdout.isTTY === true;
  const env: Record<string, string> = {};
  for (const name of terminalVariables) {
    const value = io.env[name];
    if (value !== undefined) env[name] = value;
  }
  const connection = await client.execConnect(sandbox, {
    ...request,
    env: { ...env, ...request.env },
    ...(isTerminal ? { tty: sizeOf(io) } : {}),
  });
  signals.to((name) => connection.signal(name));
  if (signals.pending !== null) connection.signal(signals.pending);
  connection.onOutput((stream, chunk) => writeTo(stream === 'stdout' ? io.stdout : io.stderr, chunk));
  const detach = isTerminal ? attachTerminal(io, connection) : attachPipe(io, connection);
  try {
    return await connection.exit;
  } finally {
    detach();
    signals.to(null);
    connection.close();
  }
}

function attachTerminal(io: Io, connection: ExecConnection): () => void {
  const follow = () => connection.resize(sizeOf(io));
  io.stdin.setRawMode(true);
  io.stdout.on('resize', follow);
  const stopInput = attachPipe(io, connection);
  return () => {
    io.stdout.off('resize', follow);
    io.stdin.setRawMode(false);
    stopInput();
  };
}

function attachPipe(io: Io, connection: ExecConnection): () => void {
  io.stdin.pipe(connection.stdin);
  // A terminal that was closed ends the input; SIGHUP says the rest.
  io.stdin.on('error', () => connection.stdin.end());
  return () => {
    io.stdin.unpipe(connection.stdin);
    // What the command did not read is nobody's; an open pipe would keep this process.
    io.stdin.destroy();
  };
}

function sizeOf(io: Io): { columns: number; rows: number } {
  return { columns: io.stdout.columns || 80, rows: io.stdout.rows || 24 };
}

/** Resolves when more may be written; a reader that went away (`| head`) is no reason to fail. */
function writeTo(stream: OutputStream, chunk: Buffer): void | Promise<void> {
  if (stream.destroyed || stream.write(chunk)) return;
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
