import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { renderDocument } from '../../../scripts/docs/markdown.ts';
import { sections, targetOf } from '../../../scripts/docs/pages.ts';
import { statusOf } from '../../../src/api/problems.ts';
import { refusals } from '../../../src/egress/refusals.ts';
import { catalogue } from '../../../src/vault/providers/catalogue.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const site = join(root, 'dist/docs-site');
const read = (target: string) => readFileSync(join(site, target), 'utf8');

describe('the documentation site', () => {
  let pages: string[];
  before(() => {
    execFileSync(process.execPath, [join(root, 'scripts/build-docs.ts'), '--if-stale'], { stdio: 'ignore' });
    pages = globSync('**/*.html', { cwd: site });
  });

  it('has a page for every document, in one place of the navigation', () => {
    const documents = globSync(['*.md', 'docs/*.md', 'docs/adr/*.md'], { cwd: root });
    assert.deepEqual(
      documents.filter((path) => targetOf(path) === null),
      [],
    );
    const targets = sections.flatMap(({ pages: listed }) => listed.map(({ target }) => target));
    assert.equal(new Set(targets).size, targets.length);
    assert.deepEqual(
      documents.filter((path) => !pages.includes(targetOf(path) ?? '')),
      [],
    );
  });

  it('has a page for every provider, with its hosts, what is sent, a command and its source', () => {
    for (const { name, rules, source } of catalogue.values()) {
      const page = read(`providers/${name}.html`);
      for (const { hosts } of rules) for (const host of hosts) assert.ok(page.includes(host), `${name}: ${host}`);
      assert.ok(page.includes(`--provider ${name} `), name);
      assert.ok(page.includes(`href="${source.replaceAll('&', '&amp;')}"`), `${name}: ${source}`);
    }
  });

  it('has every code of an error with its cause and its cure', () => {
    const rows = new Map(
      [
        ...read('errors.html').matchAll(
          /<tr>\n<td><code>(\w+)<\/code><\/td>\n<td>(\d+)<\/td>\n<td>(.+)<\/td>\n<td>(.+)<\/td>/g,
        ),
      ].map(([, code = '', status = '', cause = '', cure = '']) => [`${code} ${status}`, { cause, cure }]),
    );
    for (const [code, status] of [...Object.entries(statusOf), ...Object.entries(refusals)]) {
      const row = rows.get(`${code} ${status}`);
      assert.ok(row !== undefined && row.cause.length > 10 && row.cure !== '', `${code} ${status}`);
    }
  });

  it('leads nowhere that is not there', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/(?:href|src)="([^"]+)"/g)]
        .map(([, link = '']) => link.replaceAll('&amp;', '&'))
        .filter((link) => !/^[a-z]+:/.test(link) && link !== '/openapi.json')
        .filter((link) => !isThere(page, link))
        .map((link) => `${page}: ${link}`),
    );
    assert.deepEqual(broken, []);
  });

  it('has nothing inline and nothing of a third party, so that a strict policy holds', () => {
    for (const page of pages) {
      const html = read(page);
      assert.doesNotMatch(html, /<style|\sstyle=|\son\w+="|<script(?![^>]*\ssrc=)|javascript:/, page);
      assert.doesNotMatch(html, /<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?\/\//, page);
    }
  });

  it('is found by its search', () => {
    const index: { storedFields: Record<string, { title: string; url: string }> } = JSON.parse(
      read('static/search.json'),
    );
    const entries = Object.values(index.storedFields);
    assert.ok(entries.some(({ title, url }) => title === 'Stand-in' && url === 'concepts.html#stand-in'));
    for (const { url } of entries) assert.ok(isThere('index.html', url), url);
  });

  function isThere(page: string, link: string): boolean {
    const [path = '', fragment] = link.split('#', 2);
    const target = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(site, target))) return false;
    return fragment === undefined || read(target).includes(`id="${fragment}"`);
  }
});

describe('a document as a page', () => {
  const render = (text: string) => renderDocument(text, { source: 'docs/sandboxes.md', target: 'sandboxes.html' });

  it('has links to pages where there are pages, and their text where there are none', () => {
    const { html } = render(
      '[a](egress.md#slots) [b](../SECURITY.md) [c](../src/main.ts) [d](adr/) [e](../openapi.json)\n',
    );
    assert.equal(
      html,
      '<p><a href="egress.html#slots">a</a> <a href="threat-model.html">b</a> c <a href="adr/index.html">d</a> <a href="/openapi.json">e</a></p>\n',
    );
  });

  it('has headings with ids, the second of a name with a number', () => {
    const { headings } = render('# One\n\n## `x` and y\n\n## `x` and y\n');
    assert.deepEqual(
      headings.map(({ id }) => id),
      ['one', 'x-and-y', 'x-and-y-1'],
    );
  });

  it('has code in colours by classes, cells without styles, and no comments', () => {
    const { html } = render('# t\n\n<!-- generated: x -->\n\n| a |\n| -: |\n| b |\n\n```sh\nexport A=1\n```\n');
    assert.doesNotMatch(html, /style=|<!--/);
    assert.match(html, /<code class="language-sh"><span class="hljs-/);
  });
});
