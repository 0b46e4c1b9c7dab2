import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { PipeSource } from './pipes.ts';
import type { Perl } from './pipes.ts';
import { startProcess } from './process.ts';
import type { AgentProcess } from './process.ts';
import {
  FrameDecoder,
  decodeExec,
  decodeObject,
  decodeSize,
  encodeChunks,
  encodeFrame,
  initialCredit,
} from './protocol.ts';
import type { ExecMessage, Frame } from './protocol.ts';
import { isErrand, runErrand } from './errands.ts';

/** Answers what is asked on one connection; made once for all of them. */
export type Answer = (socket: Socket) => void;

/** What all connections of one agent use. */
export function openAnswers(perl: Perl = ['/usr/bin/perl']): Answer {
  const pipes = new PipeSource(perl);
  void pipes.prepare().catch(() => undefined);
  return (socket) => void new Session(socket, { pipes, perl });
}

/** The agent: serves connections on a listening socket that it was given as a descriptor. */
export function serveAgent(fd: number, perl?: Perl): Server {
  return createServer({ allowHalfOpen: true }, openAnswers(perl)).listen({ fd });
}

/**
 * One connection: a ping, or one process from its start to its exit. The server ends it once it has its answer: where
 * connections are TCP, whoever ends one first keeps it for a minute (TIME-WAIT), and gVisor cannot be paused with one.
 */
class Session {
  readonly #socket: Socket;
  readonly #tools: { pipes: PipeSource; perl: Perl };
  readonly #decoder = new FrameDecoder();
  #process: AgentProcess | null = null;
  /** Frames that arrived while the process was being started. */
  #early: Frame[] = [];
  #asked = false;
  #over = false;
  #received = 0;

  constructor(socket: Socket, tools: { pipes: PipeSource; perl: Perl }) {
    this.#socket = socket;
    this.#tools = tools;
    socket.on('data', this.#read);
    socket.on('end', this.#endToo);
    socket.on('drain', () => this.#outputs().forEach((output) => output.resume()));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      // Whoever gives a process up ends it first. A server that was killed does not, and the process goes on without it:
      // nothing comes from its input any more, and nobody reads its output.
      if (this.#process?.terminal === null) this.#process.stdin.end();
      this.#outputs().forEach((output) => output.resume());
    });
  }

  readonly #endToo = () => void this.#socket.end();

  readonly #read = (chunk: Buffer) => {
    try {
      const frames = this.#decoder.push(chunk);
      const [first] = frames;
      if (!this.#asked && first !== undefined && isErrand(first.type)) this.#hand(first, frames.slice(1));
      else for (const frame of frames) this.#take(frame);
    } catch {
      this.#socket.destroy();
    }
  };

  /** What is no process is done elsewhere, on the connection as it is now. */
  #hand(first: Frame, early: Frame[]): void {
    const socket = this.#socket;
    this.#asked = true;
    this.#over = true;
    socket.pause();
    socket.off('data', this.#read);
    socket.off('end', this.#endToo);
    void runErrand(first, { socket, early, decoder: this.#decoder });
  }

  #take({ type, payload }: Frame): void {
    if (type === 'ping') {
      this.#socket.write(encodeFrame('pong'));
    } else if (type === 'exec' && !this.#asked) {
      this.#asked = true;
      void this.#start(decodeExec(payload));
    } else if (this.#process === null) {
      this.#early.push({ type, payload });
    } else if (type === 'stdin') {
      this.#input(this.#process, payload);
    } else if (type === 'stdinEnd') {
      // A terminal has no end of input; its users type ^D.
      if (this.#process.terminal === null) this.#process.stdin.end();
      else this.#process.stdin.write('\u0004');
    } else if (type === 'signal') {
      this.#process.signal(payload.toString());
    } else if (type === 'resize') {
      const size = decodeSize(decodeObject(payload));
      if (size !== null) this.#process.resize(size);
    }
  }

  async #start(message: ExecMessage): Promise<void> {
    try {
      this.#process = await startProcess(message, this.#tools);
    } catch (error) {
      this.#over = true;
      this.#socket.write(encodeFrame('failed', { message: error instanceof Error ? error.message : 'failed' }));
      return;
    }
    const { stdin, stdout, stderr, exited } = this.#process;
    stdin.on('error', () => undefined);
    this.#forward('stdout', stdout);
    if (stderr !== null) this.#forward('stderr', stderr);
    this.#socket.write(encodeFrame('started'));
    if (this.#socket.destroyed) this.#process.signal('SIGKILL');
    for (const frame of this.#early.splice(0)) this.#take(frame);
    void exited.then((code) => this.#finish(code));
  }

  #outputs(): Socket[] {
    return [this.#process?.stdout, this.#process?.stderr].filter((output) => output !== undefined && output !== null);
  }

  #forward(type: 'stdout' | 'stderr', output: Socket): void {
    output.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      if (this.#over || this.#socket.destroyed) return;
      for (const frame of encodeChunks(type, chunk)) this.#socket.write(frame);
      if (this.#socket.writableNeedDrain) this.#outputs().forEach((each) => each.pause());
    });
    // The master of a terminal reads EIO once its last user is gone.
    output.on('error', () => output.destroy());
  }

  #input({ stdin }: AgentProcess, payload: Buffer): void {
    const credit = Buffer.alloc(4);
    credit.writeUInt32BE(Math.min(payload.length, initialCredit));
    const give = () => void (this.#socket.destroyed || this.#socket.write(encodeFrame('credit', credit)));
    if (stdin.writable) stdin.write(payload, give);
    else give();
  }

  /**
   * The process has ended; what it wrote is in its pipes already, though others may hold them open. Two turns of the
   * event loop without anything to read mean that all of it has been sent.
   */
  #finish(code: number): void {
    if (this.#socket.destroyed) return;
    const outputs = this.#outputs();
    if (this.#socket.writableNeedDrain) {
      this.#socket.once('drain', () => this.#finish(code));
    } else if (outputs.every((output) => output.destroyed || output.readableEnded)) {
      this.#exit(code);
    } else {
      const before = this.#received;
      setImmediate(() =>
        setImmediate(() =>
          this.#received === before && !this.#socket.writableNeedDrain ? this.#exit(code) : this.#finish(code),
        ),
      );
    }
  }

  #exit(code: number): void {
    this.#over = true;
    this.#process?.stdin.destroy();
    // Background processes go on writing to these pipes: they are read, and what comes is dropped.
    this.#outputs().forEach((output) => output.resume());
    this.#socket.write(encodeFrame('exit', { code }));
  }
}
