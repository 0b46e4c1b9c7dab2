import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { skipWithout } from '../support/processes.ts';
import { serveStatic } from '../support/static-site.ts';
import type { StaticSite } from '../support/static-site.ts';

/** The documentation in a real browser, under the policies that the server gives it. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const policy = (style: string, images: string) =>
  `default-src 'none'; script-src 'self'; style-src ${style}; img-src ${images}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
const strict = policy("'self'", "'self'");
const ofTheReference = policy("'self' 'unsafe-inline'", "'self' data:");

describe('the documentation in a browser', { skip: skipWithout('chromium'), timeout: 120_000 }, () => {
  let site: StaticSite;
  let browser: Browser;
  before(async () => {
    execFileSync(process.execPath, [join(root, 'scripts/build-docs.ts'), '--if-stale'], { stdio: 'ignore' });
    site = await serveStatic(join(root, 'dist/docs-site'), {
      policyOf: (path) => (path === '/docs/api.html' ? ofTheReference : strict),
      files: { '/openapi.json': join(root, 'openapi.json') },
    });
    const path = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
    browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox'] });
  });
  after(async () => {
    await browser.close();
    await site.stop();
  });

  /** A page whose complaints are kept: errors, refusals of the policy, requests to elsewhere. */
  async function open(
    path: string,
    options: Parameters<Browser['newPage']>[0] = {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const complaints: string[] = [];
    const page = await browser.newPage(options);
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(new URL(site.url).origin)) complaints.push(`asked ${request.url()}`);
    });
    await page.goto(`${site.url}${path}`);
    return { page, complaints };
  }

  async function seriousFindings(page: Page): Promise<unknown[]> {
    // The policy forbids a script in the page; the browser's own tools are not bound by it.
    await page.evaluate(axe);
    const violations: { id: string; impact: string; nodes: { target: unknown }[] }[] = await page.evaluate(
      'axe.run().then(({ violations }) => violations)',
    );
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => [id, nodes.map(({ target }) => target)]);
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const path of ['index.html', 'errors.html', 'providers/github.html', 'concepts.html']) {
      it(`${path} in ${colorScheme} has no serious finding of axe, and fits 360 px`, async () => {
        const { page, complaints } = await open(path, { colorScheme, viewport: { width: 360, height: 740 } });
        assert.deepEqual(await seriousFindings(page), []);
        assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= 360);
        assert.deepEqual(complaints, []);
        await page.close();
      });
    }
  }

  it('finds a heading by its words, by keyboard alone', async () => {
    const { page, complaints } = await open('index.html');
    await page.keyboard.press('/');
    await page.keyboard.type('binding');
    await page.waitForSelector('#found li[aria-selected="true"]');
    assert.equal(await page.getAttribute('input[type=search]', 'aria-expanded'), 'true');
    await page.keyboard.press('Enter');
    await page.waitForURL(/concepts\.html#binding$/);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('keeps the theme that was chosen', async () => {
    const { page } = await open('index.html', { colorScheme: 'light' });
    const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await paper();
    await page.click('#theme');
    await page.click('#theme');
    assert.equal(await page.textContent('#theme'), 'Theme: dark');
    assert.notEqual(await paper(), light);
    await page.goto(`${site.url}errors.html`);
    assert.equal(await page.textContent('#theme'), 'Theme: dark');
    await page.close();
  });

  it('reads without a script', async () => {
    const { page } = await open('quick-start.html', { javaScriptEnabled: false });
    assert.equal(await page.textContent('h1'), 'Quick start');
    assert.equal(await page.isVisible('nav a[aria-current="page"]'), true);
    assert.equal(await page.isVisible('form[role="search"]'), false);
    await page.close();
  });

  it('shows every operation of the API, from the document of this server alone', async () => {
    const { page, complaints } = await open('api.html');
    await page.waitForSelector('text=Store a credential', { timeout: 30_000 });
    assert.deepEqual(complaints, []);
    await page.close();
  });
});
