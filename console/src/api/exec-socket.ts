import {
  channels,
  execSubprotocol,
  maxStdinFrame,
  sandboxSubprotocol,
  tokenSubprotocol,
} from '../../../src/contract/exec-wire.ts';
import type { ExecConnectRequest } from '../../../src/contract/operations.ts';
import type { Access } from './data-plane.ts';
import { Failure } from './failure.ts';

interface Size {
  columns: number;
  rows: number;
}

export interface ShellListener {
  size: Size;
  onOpen: () => void;
  /** `done` is called once the bytes are on the screen. */
  onOutput: (bytes: Uint8Array, done: () => void) => void;
  onEnd: (exitCode: number) => void;
  onFailure: (failure: Failure) => void;
}

/** A shell on a terminal of the sandbox. */
export interface Shell {
  type: (bytes: Uint8Array) => void;
  resize: (size: Size) => void;
  close: () => void;
}

/** A login shell where the sandbox has one. */
const command = 'command -v bash >/dev/null && exec bash -l || exec sh -l';

/** Opens `GET /exec/connect`. One of `onEnd` and `onFailure` is called once, unless it was closed from here. */
export function openShell(sandbox: Access, listener: ShellListener): Shell {
  const address = new URL('/exec/connect', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  const subprotocols = [execSubprotocol, tokenSubprotocol(sandbox.access_token), sandboxSubprotocol(sandbox.id)];
  const socket = new WebSocket(address, subprotocols);
  socket.binaryType = 'arraybuffer';
  let over = false;
  const finish = (tell: () => void) => {
    if (over) return;
    over = true;
    tell();
  };

  socket.addEventListener('open', () => {
    const request: ExecConnectRequest = { command, env: { TERM: 'xterm-256color' }, tty: listener.size };
    socket.send(JSON.stringify(request));
    listener.onOpen();
  });
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
    // The first byte names the channel; a terminal has one for both streams.
    if (typeof data !== 'string') return listener.onOutput(new Uint8Array(data, 1), () => undefined);
    const outcome = outcomeOf(data);
    if (outcome instanceof Failure) finish(() => listener.onFailure(outcome));
    else if (outcome !== undefined) finish(() => listener.onEnd(outcome));
  });
  socket.addEventListener('close', ({ reason }) => {
    finish(() =>
      listener.onFailure(
        new Failure('unreachable', reason === '' ? 'The connection to the shell broke.' : reason, { status: 0 }),
      ),
    );
  });

  const whenOpen = (frame: string | Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(frame);
  };
  return {
    type(bytes) {
      for (let from = 0; from < bytes.length; from += maxStdinFrame) {
        const part = bytes.subarray(from, from + maxStdinFrame);
        const frame = new Uint8Array(part.length + 1);
        frame[0] = channels.stdin;
        frame.set(part, 1);
        whenOpen(frame);
      }
    },
    resize: (size) => whenOpen(JSON.stringify({ type: 'resize', ...size })),
    close() {
      over = true;
      socket.close();
    },
  };
}

/** The exit code, a failure, or undefined for a frame of a kind that is yet to come. */
function outcomeOf(frame: string): number | Failure | undefined {
  const told: unknown = JSON.parse(frame);
  if (typeof told !== 'object' || told === null) return undefined;
  if ('exit_code' in told && typeof told.exit_code === 'number') return told.exit_code;
  if (!('error' in told) || !('code' in told)) return undefined;
  return new Failure(String(told.code), String(told.error), { status: 0 });
}
