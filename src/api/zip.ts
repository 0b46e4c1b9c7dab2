import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { Vault } from '../vault/types.ts';
import { roomIn } from './room.ts';

/** Bytes of a file from which on packing it gains more than its beginning costs. A smaller one is read before it is written. */
const worthPacking = 512;

export type Files = Awaited<ReturnType<Vault['sandboxes']['files']>>;

/**
 * A directory as a zip, made while it is read; its entries begin with `top`, the directory's own name, empty for the root. Rejects
 * where there is nothing to read; fails on the way where reading does, so that what was sent has no end.
 */
export async function zipOf(files: Files, { path, top }: { path: string; top: string }): Promise<Readable> {
  const zip = new ZipFile();
  const output = new PassThrough();
  // Whoever reads it hears of it; where nobody does any more, an error that nobody listens to would end the server.
  output.on('error', () => undefined);
  zip.on('error', (error) => output.destroy(error instanceof Error ? error : new Error('the zip failed')));
  zip.outputStream.pipe(output);
  const entries = files.walk(path)[Symbol.asyncIterator]();
  const first = await entries.next();
  fill(zip, { first, entries, output, top }).catch((error: unknown) =>
    output.destroy(error instanceof Error ? error : new Error('the directory could not be read')),
  );
  output.once('close', () => void entries.return?.());
  return output;
}

type Entries = AsyncIterator<Awaited<ReturnType<Files['walk']>> extends AsyncIterable<infer Entry> ? Entry : never>;

async function fill(
  zip: ZipFile,
  {
    first,
    entries,
    output,
    top,
  }: { first: Awaited<ReturnType<Entries['next']>>; entries: Entries; output: PassThrough; top: string },
): Promise<void> {
  if (top !== '') zip.addEmptyDirectory(safeName(top), { mtime: new Date(), mode: 0o040_755 });
  for (let next = first; next.done !== true; next = await entries.next()) {
    const { path, content, size, modified, mode } = next.value;
    const name = safeName(top === '' ? path : `${top}/${path}`);
    const options = {
      mtime: new Date(modified * 1000),
      mode: mode | (content === null ? 0o040_000 : 0o100_000),
    };
    if (content === null) {
      zip.addEmptyDirectory(name, options);
      continue;
    }
    content.on('error', (error) => output.destroy(error));
    if (size > worthPacking) await addLarge(zip, { content, name, options });
    else await addSmall(zip, { content, name, options });
    await roomIn(output);
    if (output.destroyed) return;
  }
  zip.end();
}

interface File {
  content: Readable;
  name: string;
  options: { mtime: Date; mode: number };
}

async function addLarge(zip: ZipFile, { content, name, options }: File): Promise<void> {
  const read = once(content, 'close');
  zip.addReadStream(content, name, options);
  await read;
}

/**
 * A file that says its size in front, as whoever unpacks a zip while it arrives must know of what is not packed. It may have
 * grown since.
 */
async function addSmall(zip: ZipFile, { content, name, options }: File): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  const reading: AsyncIterator<Buffer> = content[Symbol.asyncIterator]();
  for (let next = await reading.next(); next.done !== true; next = await reading.next()) {
    chunks.push(next.value);
    size += next.value.length;
    if (size > worthPacking) {
      await addLarge(zip, { content: Readable.from(followedBy(chunks, reading)), name, options });
      return;
    }
  }
  zip.addBuffer(Buffer.concat(chunks), name, { ...options, compress: false });
}

async function* followedBy(chunks: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Zip has no other separator than `/`, and tools take a letter and a colon for a drive. */
function safeName(path: string): string {
  return path.replaceAll('\\', '_').replace(/^(?=[a-z]:)/i, './');
}
