import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { statusOf } from '../src/api/problems.ts';
import { createOpenApi } from '../src/contract/openapi.ts';

// Writes openapi.json from the contract; `--check` only says, by exit code 1, that the committed one is stale.
const root = new URL('../', import.meta.url);
const target = new URL('openapi.json', root);
const manifest: unknown = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
const { version } = z.object({ version: z.string() }).parse(manifest);
const fresh = `${JSON.stringify(createOpenApi({ version, statusOf }), null, 2)}\n`;

if (process.argv.includes('--check')) {
  const committed = await readFile(target, 'utf8').catch(() => '');
  if (committed !== fresh) {
    process.stderr.write('openapi.json is stale: run `npm run generate` and commit it\n');
    process.exitCode = 1;
  }
} else {
  await writeFile(target, fresh);
}
