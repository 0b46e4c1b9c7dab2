/**
 * What the server and the agent inside a sandbox say to each other on one connection for each thing done: frames of a
 * type (1 byte), a length (4 bytes, big endian) and a payload. No sockets here: bytes in, frames out.
 *
 * The first frame of the server says what is to be done; `failed` may be the answer to each.
 *
 *  - `read` {path}: `opened` {size}, `content`..., `contentEnd`
 *  - `write` {path}, `data`..., `dataEnd`: `done` {size}, once all of it is in its place
 *  - `list` {path}: `entries`..., `done`
 *  - `walk` {path, most}: for each `entry`, and for a file `content`..., `contentEnd`; at last `done`. With more than `most`
 *    entries, `failed` comes first, if that is found out in time
 *  - `dial` {port}: `opened`; from then on the connection carries what the port says and is told, as it is
 *  - `ping`: `pong`
 *  - `rest`: `pong`; an agent that calls its server then calls nobody for a while, since it is about to be stopped
 *  - nothing at all: the end of the connection is the end of the agent
 *
 * `exec` starts a process. The agent answers `started` or `failed`, then output, then `exit` once all
 * output of the process has been sent. Input is sent only within the credit that the agent gives as the process reads,
 * so that a signal is never stuck behind input that nobody reads. A process outlives its connection: a server that gives it
 * up sends SIGKILL first, and one that was itself killed does not.
 */
export const frameTypes = {
  exec: 1,
  stdin: 2,
  stdinEnd: 3,
  signal: 4,
  resize: 5,
  ping: 6,
  read: 7,
  write: 8,
  data: 9,
  dataEnd: 10,
  list: 11,
  walk: 12,
  dial: 13,
  rest: 14,
  started: 16,
  failed: 17,
  stdout: 18,
  stderr: 19,
  credit: 20,
  exit: 21,
  pong: 22,
  opened: 23,
  content: 24,
  contentEnd: 25,
  entries: 26,
  entry: 27,
  done: 28,
} as const;

export type FrameType = keyof typeof frameTypes;

export interface Frame {
  type: FrameType;
  payload: Buffer;
}

/** The `exec` frame. With `args`, `command` is a program; without, a line for `/bin/sh -c`. */
export interface ExecMessage {
  command: string;
  args?: string[];
  env: Record<string, string>;
  workingDir: string;
  tty?: TerminalSize;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Input that may be under way before the agent gives credit, bytes. */
export const initialCredit = 256 * 1024;
/** The most that one frame of input or output carries, bytes. */
export const maxChunk = 64 * 1024;
/** The largest payload that either side takes, bytes: an `exec` with its environment. */
export const maxPayload = 1024 * 1024;

const headLength = 5;
const typeByNumber = new Map<number, FrameType>();
let name: FrameType;
for (name in frameTypes) typeByNumber.set(frameTypes[name], name);

/** One frame as bytes. An object is sent as JSON. Throws RangeError for a payload over `maxPayload`. */
export function encodeFrame(type: FrameType, payload: Uint8Array | object = Buffer.alloc(0)): Buffer {
  const body = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
  if (body.length > maxPayload) throw new RangeError(`a frame takes ${maxPayload} bytes at most`);
  const frame = Buffer.allocUnsafe(headLength + body.length);
  frame.writeUInt8(frameTypes[type], 0);
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, headLength);
  return frame;
}

/** Input or output as frames of `maxChunk` bytes at most. */
export function encodeChunks(type: 'stdin' | 'stdout' | 'stderr' | 'data' | 'content', data: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < data.length; at += maxChunk) frames.push(encodeFrame(type, data.subarray(at, at + maxChunk)));
  return frames;
}

/** Cuts a byte stream into frames. The peer is not trusted: an unknown type or an oversized length throws RangeError. */
export class FrameDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /** What came after the last whole frame. */
  rest(): Buffer {
    return this.#pending;
  }

  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (this.#pending.length - at >= headLength) {
      const type = typeByNumber.get(this.#pending.readUInt8(at));
      const length = this.#pending.readUInt32BE(at + 1);
      if (type === undefined || length > maxPayload) throw new RangeError('not a frame of the agent protocol');
      if (this.#pending.length - at - headLength < length) break;
      frames.push({ type, payload: this.#pending.subarray(at + headLength, at + headLength + length) });
      at += headLength + length;
    }
    this.#pending = this.#pending.subarray(at);
    return frames;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object in a frame's payload. Throws SyntaxError where it is not one. */
export function decodeObject(payload: Buffer): Record<string, unknown> {
  const value: unknown = JSON.parse(payload.toString());
  if (!isRecord(value)) throw new SyntaxError('not an object');
  return value;
}

/** A terminal's size, or null where it is not one: whole numbers from 1 to 65535. */
export function decodeSize(value: unknown): TerminalSize | null {
  if (!isRecord(value)) return null;
  const { columns, rows } = value;
  return isLength(columns) && isLength(rows) ? { columns, rows } : null;
}

/** The request in an `exec` frame. Throws SyntaxError where it is not one. */
export function decodeExec(payload: Buffer): ExecMessage {
  const { command, args, env, workingDir, tty } = decodeObject(payload);
  const size = decodeSize(tty);
  if (typeof command !== 'string' || typeof workingDir !== 'string' || !isTextRecord(env)) {
    throw new SyntaxError('not an exec request');
  }
  const words = Array.isArray(args) ? args.map(String) : undefined;
  return { command, env, workingDir, ...(words ? { args: words } : {}), ...(size ? { tty: size } : {}) };
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((each) => typeof each === 'string');
}

function isLength(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}
