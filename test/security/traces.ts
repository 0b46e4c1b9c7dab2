import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where a secret was found, and in which form: what a test expects to be empty. */
export type Traces = string[];

/** The forms in which text could have been written down, by name. */
export function formsOf(text: string): Map<string, Buffer> {
  const bytes = Buffer.from(text, 'utf8');
  const hex = bytes.toString('hex');
  const percent = hex.replaceAll(/../g, '%$&');
  const forms: [string, string][] = [
    ['plain', text],
    ['hex', hex],
    ['upper-case hex', hex.toUpperCase()],
    ['percent escapes', percent],
    ['upper-case percent escapes', percent.toUpperCase()],
  ];
  // Base64 of something longer that holds the text: the characters that depend on it alone, for each place in a triple.
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const own = encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    forms.push([`base64 at ${before}`, own], [`base64url at ${before}`, own.replaceAll('+', '-').replaceAll('/', '_')]);
  }
  return new Map([
    ...forms.map(([name, form]) => [name, Buffer.from(form, 'latin1')] as const),
    ['UTF-16', Buffer.from(text, 'utf16le')],
  ]);
}

/** Looks for `secrets` (name → text) in every form; with `piece` also for any so many characters of one in a row. */
export class TraceFinder {
  readonly #forms: { name: string; form: string; bytes: Buffer }[] = [];

  constructor(secrets: Iterable<readonly [name: string, text: string]>, options: { piece?: number } = {}) {
    const { piece = Number.POSITIVE_INFINITY } = options;
    for (const [name, text] of secrets) {
      for (const [form, bytes] of formsOf(text)) this.#forms.push({ name, form, bytes });
      for (let at = 0; at + piece <= text.length; at++) {
        this.#forms.push({ name, form: `a piece at ${at}`, bytes: Buffer.from(text.slice(at, at + piece)) });
      }
    }
  }

  /** `place` is how the result names where it was. */
  inBytes(place: string, bytes: Buffer | string): Traces {
    const text = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'utf8');
    return this.#forms
      .filter((each) => text.includes(each.bytes))
      .map(({ name, form }) => `${place}: ${name} (${form})`);
  }

  /** In every file of the directory and below. */
  inFiles(directory: string): Traces {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .flatMap((path) => this.inBytes(path, readFileSync(path)));
  }

  /** In the arguments and the environment that the process was started with (proc_pid_cmdline(5), proc_pid_environ(5)). */
  inProcess(pid: number): Traces {
    return ['cmdline', 'environ'].flatMap((name) =>
      this.inBytes(`${name} of ${pid}`, readFileSync(`/proc/${pid}/${name}`)),
    );
  }
}
