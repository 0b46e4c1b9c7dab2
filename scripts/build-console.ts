import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'vite';

/**
 * Builds the console into `console/dist`, with a compressed twin (`.br`, `.gz`) of each file that gains by it. With
 * `--if-stale` it does so only where what is there was made from other sources, and says so then.
 */
const root = fileURLToPath(new URL('../', import.meta.url));
const source = join(root, 'console');
const output = join(source, 'dist');
const stamp = join(output, '.made-from');

const made = await fingerprint();
const isFresh = (await readFile(stamp, 'utf8').catch(() => '')) === made;
if (!process.argv.includes('--if-stale') || !isFresh) {
  const started = performance.now();
  await build({
    root: source,
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: output,
      emptyOutDir: true,
      target: 'es2023',
      // Nothing inline: the content security policy allows files of this origin alone.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
  await compressAll();
  await writeFile(stamp, made);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`console: built into console/dist in ${seconds} s\n`);
}

/** Changes with whatever goes into the build. */
async function fingerprint(): Promise<string> {
  const files = globSync(['console/{src,public}/**/*.*', 'console/index.html', 'scripts/build-console.ts'], {
    cwd: root,
  });
  const hash = createHash('sha256');
  for (const path of [...files, 'package-lock.json', 'src/contract/exec-wire.ts'].toSorted()) {
    hash.update(`${path}\0`).update(await readFile(join(root, path)));
  }
  return hash.digest('hex');
}

async function compressAll(): Promise<void> {
  await mkdir(output, { recursive: true });
  const entries = await readdir(output, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
    await writeFile(`${path}.br`, await promisify(brotliCompress)(content, best));
    await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: 9 }));
  }
}
