import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/**
 * Builds the console into `console/dist`, with a compressed twin (`.br`, `.gz`) of each file that gains by it. With
 * `--if-stale` it does so only where what is there was made from other sources, and says so then.
 */
const root = fileURLToPath(new URL('../', import.meta.url));
const source = join(root, 'console');
const output = join(source, 'dist');
const stamp = '.made-from';
/** What is served meanwhile stays whole. */
const fresh = join(source, `.dist-${process.pid}`);

const made = await fingerprint();
if (!process.argv.includes('--if-stale') || !(await isCurrent())) {
  const started = performance.now();
  try {
    await buildFresh();
    await rm(output, { recursive: true, force: true });
    await rename(fresh, output);
  } catch (error) {
    // Somebody else may have put the same there meanwhile.
    if (!(await isCurrent())) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`console: built into console/dist in ${seconds} s\n`);
}

async function isCurrent(): Promise<boolean> {
  return (await readFile(join(output, stamp), 'utf8').catch(() => '')) === made;
}

async function buildFresh(): Promise<void> {
  // Loaded only where there is something to build: it takes longer than to find out.
  const [{ build }, { xtermUnderPolicy }] = await Promise.all([import('vite'), import('./xterm-under-policy.ts')]);
  await build({
    root: source,
    configFile: false,
    logLevel: 'warn',
    plugins: [xtermUnderPolicy()],
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: fresh,
      emptyOutDir: true,
      target: 'es2023',
      // The first versions that know `light-dark()`, in which the palette is written.
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      // Nothing inline: the content security policy allows files of this origin alone.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // How slow the machine is, is no fault of the build.
      rolldownOptions: { checks: { pluginTimings: false } },
    },
  });
  await compressAll();
  await writeFile(join(fresh, stamp), made);
}

/** Changes with whatever goes into the build. */
async function fingerprint(): Promise<string> {
  const files = globSync(
    ['console/{src,public}/**/*.*', 'console/index.html', 'scripts/{build-console,xterm-under-policy}.ts'],
    {
      cwd: root,
    },
  );
  const hash = createHash('sha256');
  for (const path of [...files, 'package-lock.json', 'src/contract/exec-wire.ts'].toSorted()) {
    hash.update(`${path}\0`).update(await readFile(join(root, path)));
  }
  return hash.digest('hex');
}

async function compressAll(): Promise<void> {
  const entries = await readdir(fresh, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
    await writeFile(`${path}.br`, await promisify(brotliCompress)(content, best));
    await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: 9 }));
  }
}
