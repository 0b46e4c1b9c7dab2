import { StandinError } from '../../errors.ts';
import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { runSession } from '../run-session.ts';

/** Bytes of each stream that `POST /exec` answers; what a command says beyond is read and dropped. */
const outputCap = 1024 * 1024;

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
      const kept = { stdout: new CappedText(), stderr: new CappedText() };
      const exitCode = await runSession(session, {
        timeoutSeconds: body.timeout_s,
        signal,
        sink: (stream, chunk) => kept[stream].add(chunk),
      });
      if (signal.aborted) throw new StandinError('unavailable', 'the command was ended: the server is stopping');
      return {
        stdout: kept.stdout.toString(),
        stderr: kept.stderr.toString(),
        exit_code: exitCode,
        truncated: kept.stdout.truncated || kept.stderr.truncated,
      };
    },
  };
}

class CappedText {
  readonly #chunks: Buffer[] = [];
  #room = outputCap;
  truncated = false;

  add(chunk: Buffer): void {
    if (chunk.length > this.#room) this.truncated = true;
    const part = chunk.subarray(0, this.#room);
    this.#room -= part.length;
    if (part.length > 0) this.#chunks.push(part);
  }

  /** A character cut in two by the cap is left out; bytes that are no UTF-8 become U+FFFD. */
  toString(): string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return decoder.decode(Buffer.concat(this.#chunks), { stream: this.truncated });
  }
}
