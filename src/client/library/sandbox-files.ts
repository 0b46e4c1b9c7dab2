import { withinTime } from '../deadline.ts';
import { ValidationError } from '../errors.ts';
import { streamOf } from '../files.ts';
import type { FileContent } from '../files.ts';
import { brokenOff } from '../transport.ts';
import type { Access } from './access.ts';
import type { CallOptions, Connection } from './connection.ts';
import { fromWire } from './wire.ts';

/** What a file is written from: text goes as UTF-8; a stream is not held in memory. */
export type FileInput = FileContent;

/** What reading a whole file takes. */
export interface ReadOptions extends CallOptions {
  /** More throws ValidationError. Default: 2 GiB. */
  maxBytes?: number;
}

/** An entry of a directory. */
export interface DirectoryEntry {
  name: string;
  isDir: boolean;
  /** Bytes. */
  size: number;
  /** Seconds since 1970. */
  modifiedUnix: number;
}

const defaultMaxBytes = 2 * 1024 ** 3;

/** Files of a sandbox, by absolute paths without `..`. A paused one is resumed first. */
export class Files {
  readonly #connection: Connection;
  readonly #access: Access;

  /** Made by Sandbox. */
  constructor(connection: Connection, access: Access) {
    this.#connection = connection;
    this.#access = access;
  }

  /**
   * Writes a file, and makes its directories. What was there is replaced once all of it has come, or not at all.
   *
   * @example
   * await sandbox.files.write('/home/user/app/config.json', '{"key": "value"}');
   */
  async write(path: string, content: FileInput, options: CallOptions = {}): Promise<void> {
    await withinTime(this.#connection.limits(options), async (signal) => {
      const send = (sandbox: Access['current']) =>
        this.#connection.files(sandbox, { query: { path }, content, signal });
      // A stream cannot be sent twice.
      const written = await (content instanceof ReadableStream ? send(this.#access.current) : this.#access.use(send));
      await written.body?.cancel();
    });
  }

  /** The bytes of a file. */
  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes({ path }, options);
  }

  /** The text of a file, which is UTF-8. */
  async readText(path: string, options: ReadOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.#bytes({ path }, options));
  }

  /**
   * The bytes of a file as they come, for one that is larger than memory. `timeoutMs` is for the answer to begin.
   *
   * @example
   * for await (const chunk of await sandbox.files.readStream('/home/user/video.mp4')) console.log(chunk.length);
   */
  async readStream(path: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return withinTime(this.#connection.limits(options), async (signal) => streamOf(await this.#get({ path }, signal)));
  }

  /** A directory as a zip, its entries below the directory's own name; links are left out. */
  async downloadDir(path: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes({ path, format: 'zip' }, options);
  }

  /** The entries of a directory, by name. */
  async list(path: string, options: CallOptions = {}): Promise<DirectoryEntry[]> {
    const { entries } = await this.#connection.call('listSandboxFiles', {
      params: { id: this.#access.id },
      query: { path },
      ...this.#connection.limits(options),
    });
    return fromWire(entries);
  }

  async #bytes(query: { path: string; format?: 'zip' }, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    return withinTime(this.#connection.limits(options), async (signal) => {
      const response = await this.#get(query, signal);
      try {
        return await gathered(streamOf(response), options.maxBytes ?? defaultMaxBytes);
      } catch (error) {
        throw signal?.aborted === true ? error : brokenOff(error, this.#connection.baseUrl);
      }
    });
  }

  #get(query: { path: string; format?: 'zip' }, signal: AbortSignal | undefined): Promise<Response> {
    return this.#access.use((sandbox) => this.#connection.files(sandbox, { query, signal }));
  }
}

async function gathered(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      const message = `the file is longer than maxBytes (${most}): raise it, or use readStream`;
      throw new ValidationError(message, { code: 'payload_too_large', status: 413 });
    }
    chunks.push(value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
