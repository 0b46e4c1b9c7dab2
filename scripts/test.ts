import { globSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/**
 * Runs the tests: `node scripts/test.ts [file or folder…]`, all of them by default. Each file runs in its own process;
 * what a file leaves running counts against its time. With STANDIN_TEST_NO_SKIPS=1 a skipped test is a failure.
 */
const fileTimeoutMs = 180_000;

const files = testFiles(process.argv.slice(2));
if (files.length === 0) {
  process.stderr.write('error: no *.test.ts file there; name files or folders under test/\n');
  process.exit(2);
}

const skipped: string[] = [];
run({ files, concurrency: Math.max(2, availableParallelism()), timeout: fileTimeoutMs })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .on('test:pass', ({ name, skip, file }) => {
    if (skip !== undefined) skipped.push(`${file ?? ''}: ${name}`);
  })
  .on('end', () => {
    if (skipped.length === 0 || process.env['STANDIN_TEST_NO_SKIPS'] !== '1') return;
    process.exitCode = 1;
    process.stderr.write(`error: skipped, and STANDIN_TEST_NO_SKIPS=1 forbids it:\n  ${skipped.join('\n  ')}\n`);
  })
  .compose(new spec())
  .pipe(process.stdout);

function testFiles(paths: string[]): string[] {
  const wanted = paths.length === 0 ? ['test'] : paths;
  return wanted
    .flatMap((path) => (isFolder(path) ? globSync(`${path.replace(/\/+$/, '')}/**/*.test.ts`) : [path]))
    .toSorted();
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
