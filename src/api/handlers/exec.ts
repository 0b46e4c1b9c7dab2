import { defaultTimeoutSeconds } from '../../contract/schemas/exec.ts';
import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { runSession } from '../run-session.ts';

/** Bytes of both streams together that `POST /exec` answers; what a command says beyond is read and dropped. */
const outputCap = 4 * 1024 * 1024;
/** Official clients take no longer answer than 10 MiB, and a control character takes six bytes in JSON. */
const answerCap = 9 * 1024 * 1024;

export function execHandlers({ sandboxes }: Vault): HandlersOf<'exec'> {
  return {
    async exec({ access, body, signal }) {
      const session = await sandboxes.exec(access.sandboxId, access.accessToken, {
        command: body.command,
        ...(body.args === undefined ? {} : { args: body.args }),
        ...(body.env === undefined ? {} : { env: body.env }),
        ...(body.working_dir === undefined ? {} : { workingDir: body.working_dir }),
      });
      // A command may end, or never look, before its input does.
      session.stdin.on('error', () => undefined).end();
      const room = { left: outputCap };
      const kept = { stdout: new CappedText(room), stderr: new CappedText(room) };
      const exitCode = await runSession(session, {
        timeoutSeconds: body.timeout_s ?? defaultTimeoutSeconds,
        signal,
        sink: (stream, chunk) => kept[stream].add(chunk),
      });
      // Not `unavailable`: official clients take that for a command that was not begun, and run it again.
      if (signal.aborted) kept.stderr.add(Buffer.from('\nstandin: the command was ended: the server is stopping\n'));
      return fitting({
        stdout: kept.stdout.toString(),
        stderr: kept.stderr.toString(),
        exit_code: exitCode,
        truncated: kept.stdout.truncated || kept.stderr.truncated,
      });
    },
  };
}

/** Cuts the longer of the two until the answer fits. */
function fitting(answer: { stdout: string; stderr: string; exit_code: number; truncated: boolean }): typeof answer {
  let { stdout, stderr, truncated } = answer;
  while (JSON.stringify([stdout, stderr]).length > answerCap) {
    truncated = true;
    if (stdout.length >= stderr.length) stdout = stdout.slice(0, stdout.length / 2).toWellFormed();
    else stderr = stderr.slice(0, stderr.length / 2).toWellFormed();
  }
  return { ...answer, stdout, stderr, truncated };
}

class CappedText {
  readonly #chunks: Buffer[] = [];
  readonly #room: { left: number };
  truncated = false;

  /** `room`: bytes that are left for both streams. */
  constructor(room: { left: number }) {
    this.#room = room;
  }

  add(chunk: Buffer): void {
    if (chunk.length > this.#room.left) this.truncated = true;
    const part = chunk.subarray(0, this.#room.left);
    this.#room.left -= part.length;
    if (part.length > 0) this.#chunks.push(part);
  }

  /** A character cut in two by the cap is left out; bytes that are no UTF-8 become U+FFFD. */
  toString(): string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return decoder.decode(Buffer.concat(this.#chunks), { stream: this.truncated });
  }
}
