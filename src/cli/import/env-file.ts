import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { CliFailure, systemCodeOf } from '../failure.ts';
import { parseDotenv } from './dotenv.ts';
import type { Assignment } from './dotenv.ts';

const mostBytes = 1_000_000;

/** A `.env` file as it was read. Values are text; everything else of it is kept as bytes. */
export interface EnvFile {
  /** Without links. */
  path: string;
  bytes: Buffer;
  assignments: Assignment[];
}

/** Throws where it cannot be read. */
export function readEnvFile(path: string): EnvFile {
  try {
    const real = realpathSync(path);
    if (!statSync(real).isFile() || statSync(real).size > mostBytes) {
      throw new CliFailure(`${path} is no file of at most ${mostBytes} bytes`);
    }
    const bytes = readFileSync(real);
    // Latin-1 is one character a byte: places in the text are places in the file, whatever its encoding.
    const assignments = parseDotenv(bytes.toString('latin1')).map((each) =>
      Object.assign(each, { value: utf8(each.value) }),
    );
    return { path: real, bytes, assignments };
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(`${path} cannot be read (${systemCodeOf(error)})`, { cause: error });
  }
}

/** The file with each of these assignments replaced by a comment that says where its value is now. */
export function withoutValues(file: EnvFile, stored: ReadonlyMap<string, string>): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { name, start, end } of file.assignments) {
    const secret = stored.get(name);
    if (secret === undefined) continue;
    const comment = `# ${name} is kept by Standin as ${secret}: standin run -s ${name}=${secret} -- COMMAND`;
    pieces.push(file.bytes.subarray(at, start), Buffer.from(comment));
    at = end;
  }
  return Buffer.concat([...pieces, file.bytes.subarray(at)]);
}

/**
 * Puts other bytes in the file's place, whole or not at all, with the mode that it had. Throws where somebody else
 * has changed it since it was read.
 */
export function replaceFile({ path, bytes }: EnvFile, content: Buffer): void {
  if (!readFileSync(path).equals(bytes)) {
    throw new CliFailure(`${path} has changed meanwhile and was left as it is`, { fix: 'take the values out by hand' });
  }
  const temporary = `${path}.standin-${process.pid}`;
  const { mode } = statSync(path);
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(file, content);
    fchmodSync(file, mode & 0o777);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
