import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { channels, execSubprotocol, maxStdinFrame, tokenSubprotocol } from '../contract/exec-wire.ts';
import type { ExecConnectRequest } from '../contract/operations.ts';
import { execOutcome } from '../contract/schemas/exec.ts';
import { errorEnvelope } from '../contract/schemas/system.ts';
import { ConnectionError, UnexpectedAnswerError, apiError } from './errors.ts';

export type OutputListener = (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>;

/** A running command. */
export interface ExecConnection {
  /** Its end is the end of the command's standard input. */
  readonly stdin: Writable;
  /**
   * Hands every piece of output, in order, to the one listener; nothing is read before there is one, nor while the
   * promise it answered is open.
   */
  onOutput(listener: OutputListener): void;
  /**
   * The command's exit code, 128 + number after a signal, once all output was handed over. Rejects with ApiError where
   * the server ends it, ConnectionError where the connection breaks. Settles only once `onOutput` was called.
   */
  readonly exit: Promise<number>;
  /** To the whole process group: `SIGINT` and the like. */
  signal(name: NodeJS.Signals): void;
  resize(size: { columns: number; rows: number }): void;
  /** Breaks the connection off: the server kills what still runs. */
  close(): void;
}

/** Opens `GET /exec/connect` and sends the request. Throws ApiError where it is refused, ConnectionError otherwise. */
export async function openExecConnection(options: {
  baseUrl: string;
  sandbox: { id: string; access_token: string };
  request: ExecConnectRequest;
}): Promise<ExecConnection> {
  const { baseUrl, sandbox, request } = options;
  const url = new URL(`${baseUrl.replace(/\/+$/, '').replace(/^http/, 'ws')}/exec/connect`);
  const socket = new WebSocket(url, [execSubprotocol, tokenSubprotocol(sandbox.access_token)], {
    headers: { 'x-superserve-sandbox-id': sandbox.id },
    perMessageDeflate: false,
    followRedirects: false,
  });
  await opened(socket, baseUrl);
  socket.pause();
  const connection = attach(socket, baseUrl);
  socket.send(JSON.stringify(request));
  return connection;
}

function opened(socket: WebSocket, baseUrl: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('upgrade', (response: IncomingMessage) => response.socket.setKeepAlive(true, 30_000));
    socket.once('error', (cause) => {
      reject(new ConnectionError(`no server answers at ${baseUrl}`, { baseUrl, cause }));
    });
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('close', () => {
        socket.terminate();
        reject(refusalOf(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
      });
    });
  });
}

function attach(socket: WebSocket, baseUrl: string): ExecConnection {
  const exit = Promise.withResolvers<number>();
  // A caller may look at `exit` only later; a rejection before that is not an unhandled one.
  exit.promise.catch(() => undefined);
  const listening = Promise.withResolvers<OutputListener>();
  let delivered: Promise<unknown> = listening.promise;
  let waiting = 0;
  let over = false;

  function abandon(error: unknown): void {
    exit.reject(error);
    socket.terminate();
  }

  function deliver(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    waiting += 1;
    socket.pause();
    delivered = delivered
      .then(() => listening.promise)
      .then((listener) => listener(stream, chunk))
      .then(() => {
        waiting -= 1;
        return waiting === 0 ? socket.resume() : undefined;
      });
    delivered.catch(abandon);
  }

  function settle(frame: string): void {
    const outcome = execOutcome.safeParse(jsonOrUndefined(frame));
    // A frame of a kind that is yet to come.
    if (!outcome.success) return;
    over = true;
    const { data } = outcome;
    if ('finished' in data) delivered.then(() => exit.resolve(data.exit_code), exit.reject);
    else exit.reject(apiError(data.error, { code: data.code, status: 0 }));
    socket.close(1000);
  }

  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) settle(data.toString('utf8'));
    else deliver(data[0] === channels.stderr ? 'stderr' : 'stdout', data.subarray(1));
  });
  socket.on('error', (cause) => exit.reject(new ConnectionError('the connection broke', { baseUrl, cause })));
  socket.on('close', (code, reason) => {
    if (over) return;
    const words = reason.toString('utf8') || `close code ${code}`;
    exit.reject(new ConnectionError(`the connection closed before the command ended (${words})`, { baseUrl }));
  });

  function control(message: object): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  return {
    stdin: stdinOf(socket, control),
    exit: exit.promise,
    onOutput(listener) {
      listening.resolve(listener);
      socket.resume();
    },
    signal: (name) => control({ type: 'signal', name }),
    resize: ({ columns, rows }) => control({ type: 'resize', columns, rows }),
    close: () => socket.terminate(),
  };
}

function stdinOf(socket: WebSocket, control: (message: object) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      // What a command no longer wants to read is not an error of whoever writes it.
      if (socket.readyState !== WebSocket.OPEN) return done();
      for (let at = 0; at < chunk.length; at += maxStdinFrame) {
        const part = chunk.subarray(at, at + maxStdinFrame);
        const last = at + maxStdinFrame >= chunk.length;
        socket.send(Buffer.concat([Uint8Array.of(channels.stdin), part]), last ? () => done() : undefined);
      }
      if (chunk.length === 0) done();
    },
    final(done) {
      control({ type: 'stdin_close' });
      done();
    },
  });
}

function refusalOf(status: number, body: string): Error {
  const parsed = errorEnvelope.safeParse(jsonOrUndefined(body));
  if (!parsed.success) return new UnexpectedAnswerError(`GET /exec/connect was answered ${status}, not by Standin`);
  return apiError(parsed.data.error.message, { code: parsed.data.error.code, status });
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
