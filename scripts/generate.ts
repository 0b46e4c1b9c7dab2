import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { statusOf } from '../src/api/problems.ts';
import { createOpenApi } from '../src/contract/openapi.ts';
import { providersTable, settingsTable, tenantsTable, withSection } from './doc-tables.ts';

// Writes what is made from the source; `--check` only says, by exit code 1, that what is committed is stale.
const root = new URL('../', import.meta.url);
const read = (path: string) => readFile(new URL(path, root), 'utf8');
const manifest: unknown = JSON.parse(await read('package.json'));
const { version } = z.object({ version: z.string() }).parse(manifest);

const fresh = {
  'openapi.json': `${JSON.stringify(createOpenApi({ version, statusOf }), null, 2)}\n`,
  'docs/operations.md': withSection(await read('docs/operations.md'), 'settings', settingsTable()),
  'docs/providers.md': withSection(
    withSection(await read('docs/providers.md'), 'tenants', tenantsTable()),
    'providers',
    providersTable(),
  ),
};

for (const [path, content] of Object.entries(fresh)) {
  if (!process.argv.includes('--check')) await writeFile(new URL(path, root), content);
  else if ((await read(path).catch(() => '')) !== content) {
    process.stderr.write(`${path} is stale: run \`npm run generate\` and commit it\n`);
    process.exitCode = 1;
  }
}
