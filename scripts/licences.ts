import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { table } from './doc-tables.ts';

/**
 * Writes `docs/licences.md`: what an installed package brings, with the licence of each; and what is part of the built
 * site. Ends with 1 where one has a licence that is not on the list. `--check` only says whether the file is current;
 * `--sbom FILE` writes the bill of materials (CycloneDX) too.
 */
const allowed = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
]);

/** Packages whose code is in `dist/`, though nobody installs them. */
const builtIn = new Set(['@scalar/fastify-api-reference', 'minisearch', 'highlight.js', 'markdown-it']);

const root = fileURLToPath(new URL('../', import.meta.url));
const lockPath = new URL('../package-lock.json', import.meta.url);
const entry = z
  .object({ name: z.string(), version: z.string(), license: z.string().optional(), dev: z.boolean().optional() })
  .loose();
const lock = z
  .object({ packages: z.record(z.string(), z.looseObject({})) })
  .parse(JSON.parse(readFileSync(lockPath, 'utf8')));

const installed = Object.entries(lock.packages)
  .filter(([path]) => path.startsWith('node_modules/'))
  .map(([path, facts]) => entry.parse({ name: path.replace(/^.*node_modules\//, ''), ...facts }));
const brought = installed.filter(({ dev }) => dev !== true);
const built = installed.filter(({ name, dev }) => dev === true && builtIn.has(name));

const refused = [...brought, ...built].filter(({ license }) => !isAllowed(license ?? ''));
for (const { name, version, license } of refused) {
  process.stderr.write(
    `${name} ${version} has the licence ${license ?? 'none'}, which is not on the list of scripts/licences.ts\n`,
  );
  process.exitCode = 1;
}

const document = `# Licences

Standin is under [Apache-2.0](../LICENSE). What comes with it, by \`npm run licences\`; a licence that is not on that script's
list fails the checks. \`npm run sbom\` writes a bill of materials in the format of CycloneDX.

## Installed with the package

${rows(brought)}

## In the built pages

${rows(built)}
`;
const target = new URL('../docs/licences.md', import.meta.url);
if (!process.argv.includes('--check')) writeFileSync(target, document);
else if (readFileSync(target, 'utf8') !== document) {
  process.stderr.write('docs/licences.md is stale: run `npm run licences` and commit it\n');
  process.exitCode = 1;
}
const sbom = process.argv.indexOf('--sbom');
if (sbom > 0) {
  const bill = execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--package-lock-only'], {
    cwd: root,
  });
  writeFileSync(process.argv[sbom + 1] ?? 'sbom.json', bill);
}

/** One of several is enough; all of them where they are joined by AND. */
function isAllowed(expression: string): boolean {
  const plain = expression.replaceAll(/[()]/g, '');
  return plain.split(' OR ').some((each) => each.split(' AND ').every((licence) => allowed.has(licence.trim())));
}

function rows(packages: readonly { name: string; version: string; license?: string | undefined }[]): string {
  const lines = packages
    .map(({ name, version, license = '' }) => [name, version, license])
    .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1));
  return table(['package', 'version', 'licence'], lines);
}
