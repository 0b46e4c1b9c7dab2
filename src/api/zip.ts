import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { ZipFile } from 'yazl';
import type { Vault } from '../vault/types.ts';

/** Bytes of a file from which on packing it gains more than its beginning costs. */
const worthPacking = 128;

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
    const read = once(content, 'close');
    content.on('error', (error) => output.destroy(error));
    zip.addReadStream(content, name, { ...options, compress: size > worthPacking });
    await read;
    if (output.destroyed) return;
  }
  zip.end();
}

/** Zip has no other separator than `/`, and tools take a letter and a colon for a drive. */
function safeName(path: string): string {
  return path.replaceAll('\\', '_').replace(/^(?=[a-z]:)/i, './');
}
