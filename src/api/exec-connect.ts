import type { WebSocket } from 'ws';
import { channels } from '../contract/exec-wire.ts';
import { execConnectRequest, execControl } from '../contract/schemas/exec.ts';
import { StandinError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Vault } from '../vault/types.ts';
import type { SandboxAccess } from './authentication.ts';
import { problemOf } from './problems.ts';
import { runSession } from './run-session.ts';
import type { Session } from './run-session.ts';
import { parseStrictJson } from './strict-json.ts';
import { checked } from './validation.ts';

interface Frame {
  data: Buffer;
  isBinary: boolean;
}

const requestDeadlineMs = 10_000;
/** Keeps the state of firewalls and balancers on the way; whether the peer lives is for TCP keep-alive to find out. */
const pingEveryMs = 30_000;
/** Bytes of output queued before the command must wait. */
const highWater = 1024 * 1024;
/**
 * Bytes of input queued before no more is read: much, because pings are not read then either, and a client that gets no pong
 * for long gives up.
 */
const inputHighWater = 16 * 1024 * 1024;

/** RFC 6455, section 7.4.1. */
const closeCodes: Partial<Record<ErrorCode, number>> = { internal: 1011, unavailable: 1013, rate_limited: 1013 };
const policyViolation = 1008;

/**
 * Serves one command over an authenticated WebSocket, from the request frame to the close. Never rejects: what goes
 * wrong is told to the peer as `{error, code}` and a close code with the reason.
 */
export async function serveExecConnect(
  socket: WebSocket,
  options: { vault: Vault; access: SandboxAccess; requestId: string; logger: Logger },
): Promise<void> {
  const { vault, access, requestId, logger } = options;
  const gone = new AbortController();
  const inbox = new Inbox(socket);
  const ping = setInterval(() => socket.ping(), pingEveryMs);
  socket.on('close', () => gone.abort());
  // `close` follows.
  socket.on('error', () => undefined);
  try {
    const { data, isBinary } = await inbox.first();
    if (isBinary) throw new StandinError('bad_request', 'the first frame must be text: the exec request');
    const request = checked(execConnectRequest, parseStrictJson(data));
    const session = await vault.sandboxes.exec(access.sandboxId, access.accessToken, {
      command: request.command,
      ...(request.args === undefined ? {} : { args: request.args }),
      ...(request.env === undefined ? {} : { env: request.env }),
      ...(request.working_dir === undefined ? {} : { workingDir: request.working_dir }),
      ...(request.tty === undefined ? {} : { tty: request.tty }),
    });
    const refused = Promise.withResolvers<never>();
    inbox.deliver((frame) => {
      try {
        take(frame, session, socket);
      } catch (error) {
        refused.reject(error);
      }
    });
    // What keeps the session's stdin from being read is the command's business.
    session.stdin.on('error', () => undefined);
    const ended = runSession(session, {
      timeoutSeconds: request.timeout_s,
      signal: gone.signal,
      sink: (stream, chunk) => send(socket, Buffer.concat([Uint8Array.of(channels[stream]), chunk])),
    });
    const exitCode = await Promise.race([ended, refused.promise]).finally(() => gone.abort());
    await send(socket, JSON.stringify({ exit_code: exitCode, finished: true }));
    socket.close(1000);
  } catch (error) {
    if (socket.readyState !== socket.OPEN) return;
    const { status, body } = problemOf(error, requestId);
    if (status >= 500) logger.error({ err: error, requestId, operation: 'execConnect' }, 'exec failed');
    await send(socket, JSON.stringify({ error: body.error.message, code: body.error.code })).catch(() => undefined);
    socket.close(closeCodes[body.error.code] ?? policyViolation, reasonOf(body.error));
  } finally {
    clearInterval(ping);
    // The peer's close frame must still be read.
    inbox.deliver(() => undefined);
  }
}

/** RFC 6455, section 5.5: a close frame has 123 bytes for it. */
function reasonOf({ code, message }: { code: string; message: string }): string {
  const bytes = Buffer.from(`${code}: ${message}`).subarray(0, 123);
  return new TextDecoder().decode(bytes, { stream: true });
}

/** One frame from the client of a running command. Throws `bad_request` for one that is none. */
function take({ data, isBinary }: Frame, session: Session, socket: WebSocket): void {
  if (isBinary) {
    if (data[0] !== channels.stdin)
      throw new StandinError('bad_request', 'a binary frame must begin with byte 0: stdin');
    writeStdin(data.subarray(1), session, socket);
    return;
  }
  const control = checked(execControl, parseStrictJson(data));
  if (control.type === 'stdin_close') session.stdin.end();
  else if (control.type === 'signal') session.signal(control.name);
  else session.resize({ columns: control.columns, rows: control.rows });
}

/** What a command no longer reads is dropped; what it reads slowly slows the client down. */
function writeStdin(bytes: Buffer, { stdin }: Session, socket: WebSocket): void {
  if (stdin.destroyed || stdin.writableEnded) return;
  stdin.write(bytes);
  if (stdin.writableLength <= inputHighWater || socket.isPaused) return;
  socket.pause();
  const resume = () => {
    stdin.off('drain', resume).off('close', resume);
    socket.resume();
  };
  stdin.on('drain', resume).on('close', resume);
}

/** Resolves at once while the peer keeps up, else when the bytes are out. Rejects once the socket is closed. */
function send(socket: WebSocket, frame: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(frame, (error) => (error === undefined || error === null ? resolve() : reject(error)));
    if (socket.bufferedAmount < highWater) resolve();
  });
}

/** Frames in the order in which they came, kept until somebody takes them; meanwhile no more are read. */
class Inbox {
  readonly #socket: WebSocket;
  readonly #waiting: Frame[] = [];
  readonly #arrived = Promise.withResolvers<void>();
  #receiver: ((frame: Frame) => void) | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.#receiver !== undefined) return this.#receiver({ data, isBinary });
      this.#waiting.push({ data, isBinary });
      socket.pause();
      this.#arrived.resolve();
    });
    socket.on('close', () => this.#arrived.resolve());
  }

  /** Throws `bad_request` where nothing comes in time. */
  async first(): Promise<Frame> {
    const deadline = setTimeout(() => this.#arrived.resolve(), requestDeadlineMs);
    await this.#arrived.promise;
    clearTimeout(deadline);
    const frame = this.#waiting.shift();
    if (frame === undefined) throw new StandinError('bad_request', 'no exec request came within 10 seconds');
    return frame;
  }

  deliver(receiver: (frame: Frame) => void): void {
    this.#receiver = receiver;
    for (const frame of this.#waiting.splice(0)) receiver(frame);
    this.#socket.resume();
  }
}
