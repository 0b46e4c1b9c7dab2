import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/** The slowest setting gains little and takes long on what is larger than this. */
const largeBytes = 500_000;

/** Puts a compressed twin (`.br`, `.gz`) beside each file below `folder` that gains by it. */
export async function compressBelow(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile() && /\.(html|js|css|svg|json)$/.test(entry.name));
  await Promise.all(
    paths.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = await readFile(path);
      if (content.length < 1024) return;
      const quality = content.length > largeBytes ? 5 : 9;
      await writeFile(`${path}.br`, await brotli(content, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }));
      await writeFile(`${path}.gz`, await zip(content, { level: 7 }));
    }),
  );
}
