import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import scalar from '@scalar/fastify-api-reference';
import fastify from 'fastify';
import MiniSearch from 'minisearch';
import { compressBelow } from './docs/compress.ts';
import { layOut, layOutApiPage } from './docs/layout.ts';
import type { NavigationSection } from './docs/layout.ts';
import { renderDocument } from './docs/markdown.ts';
import type { RenderedDocument } from './docs/markdown.ts';
import { apiPage, sections, targetOf } from './docs/pages.ts';
import { providerDocuments } from './docs/provider-pages.ts';

/**
 * Builds the documentation into `dist/docs-site`, as files that any static server can serve. With `--if-stale` it does so
 * only where what is there was made from other sources.
 */
const root = fileURLToPath(new URL('../', import.meta.url));
const output = join(root, 'dist/docs-site');
const stamp = join(output, '.made-from');

const made = await fingerprint();
const fresh = (await readFile(stamp, 'utf8').catch(() => '')) === made;
if (!process.argv.includes('--if-stale') || !fresh) {
  const started = performance.now();
  await rm(output, { recursive: true, force: true });
  const pages = await allPages();
  const navigation = navigationOf(pages);
  for (const page of pages) await write(page.target, layOut({ ...page, navigation }));
  await write(apiPage, layOutApiPage());
  await write('static/search.json', searchIndex(pages));
  await write('static/scalar.js', await scalarBundle());
  await cp(join(root, 'scripts/docs/static'), join(output, 'static'), { recursive: true });
  await cp(join(root, 'node_modules/minisearch/dist/es/index.js'), join(output, 'static/minisearch.js'));
  await cp(join(root, 'docs/img'), join(output, 'img'), { recursive: true });
  await compressBelow(output);
  await writeFile(stamp, made);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`docs: ${pages.length + 1} pages in dist/docs-site, made in ${seconds} s\n`);
}

async function allPages(): Promise<RenderedDocument[]> {
  const listed = sections.flatMap((section) => section.pages);
  const decisions = globSync('docs/adr/[0-9]*.md', { cwd: root })
    .toSorted()
    .map((source) => ({ source, target: targetOf(source) ?? '' }));
  const written = await Promise.all(
    [...listed, ...decisions].map(async ({ source, target }) => {
      const text = await readFile(join(root, source), 'utf8');
      return renderDocument(source === 'docs/providers.md' ? linked(text) : text, { source, target });
    }),
  );
  const providers = [...providerDocuments()].map(([name, text]) =>
    renderDocument(text, { source: `docs/providers/${name}.md`, target: `providers/${name}.html` }),
  );
  return [...written, ...providers];
}

/** Each name in the catalogue's table leads to the provider's own page. */
function linked(text: string): string {
  return text.replaceAll(/^\| `([\w-]+)`( +)\|/gm, '| <a href="providers/$1.html">`$1`</a>$2|');
}

function navigationOf(pages: readonly RenderedDocument[]): NavigationSection[] {
  const titles = new Map(pages.map(({ target, title }) => [target, title]));
  return sections.map(({ title, pages: listed }) => ({
    title,
    pages: listed.map(({ target }) => ({ target, title: titles.get(target) ?? target })),
  }));
}

/** What the search of the pages loads: each heading with the words below it. */
function searchIndex(pages: readonly RenderedDocument[]): string {
  const search = new MiniSearch({ fields: ['title', 'page', 'text'], storeFields: ['title', 'page', 'url'] });
  const passages = pages
    .filter(({ target }) => !target.startsWith('adr/'))
    .flatMap((page) =>
      page.passages.map(({ heading, text }) => ({
        title: heading.text,
        page: page.title,
        url: `${page.target}${heading.level === 1 ? '' : `#${heading.id}`}`,
        text,
      })),
    );
  for (const [id, passage] of passages.entries()) search.add({ id, ...passage });
  return JSON.stringify(search);
}

/** Scalar for a browser, as its package for Fastify serves it. */
async function scalarBundle(): Promise<string> {
  const app = fastify();
  await app.register(scalar, { routePrefix: '/reference', configuration: { content: {} } });
  const { statusCode, body } = await app.inject('/reference/js/scalar.js');
  await app.close();
  if (statusCode !== 200) throw new Error(`Scalar's script was answered with ${statusCode}`);
  return body.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n');
}

async function write(target: string, content: string): Promise<void> {
  const path = join(output, target);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Changes with whatever goes into the site. */
async function fingerprint(): Promise<string> {
  const patterns = ['*.md', 'docs/**/*.*', 'scripts/docs/**/*.*', 'scripts/{build-docs,doc-tables}.ts'];
  const files = globSync([...patterns, 'src/vault/providers/*.ts', 'package-lock.json'], { cwd: root });
  const hash = createHash('sha256');
  for (const path of files.toSorted()) {
    if (existsSync(join(root, path))) hash.update(`${path}\0`).update(await readFile(join(root, path)));
  }
  return hash.digest('hex');
}
