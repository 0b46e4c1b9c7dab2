import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { toolPath } from './processes.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Runs as root, without a GPU, and asks nobody on the internet for anything. */
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export type Theme = 'light' | 'dark';

export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** What the browser complained of: errors of scripts, and whatever the content security policy stopped. */
  complaints: string[];
}

/** Debian's Chromium, with a profile of its own that goes with it. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = toolPath()
    .split(':')
    .map((directory) => join(directory, 'chromium'))
    .find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error('chromium is not installed: run scripts/setup --tests');
  return await chromium.launch({ executablePath, args: flags });
}

/** Somebody with nothing in their browser yet. */
export async function newVisitor(
  browser: Browser,
  options: { url: string; theme?: Theme; width?: number; height?: number },
): Promise<Visitor> {
  const { url, theme = 'light', width = 1280, height = 800 } = options;
  const context = await browser.newContext({
    baseURL: url,
    colorScheme: theme,
    viewport: { width, height },
    reducedMotion: 'reduce',
  });
  const complaints: string[] = [];
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => complaints.push(`${error.message} ${error.stack ?? ''}`));
  page.on('console', (message) => {
    // Chromium says so of every answer of 400 and above; the tests look at those themselves.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !isAnswer) complaints.push(message.text());
  });
  return { context, page, complaints };
}

/** Through the page, as a person does. */
export async function signIn(page: Page, apiKey: string): Promise<void> {
  await page.goto('/');
  await page.getByLabel('API key').fill(apiKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}

const axeSource = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** What axe-core finds serious or critical, one line each. */
export async function barriers(page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the content security policy stands.
  await page.evaluate(axeSource);
  const found: unknown = await page.evaluate(`axe.run(document, { preload: false }).then(({ violations }) =>
    violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`);
  return Array.isArray(found) ? found.map(String) : [];
}

/** Pixels by which the page is wider than its window. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
