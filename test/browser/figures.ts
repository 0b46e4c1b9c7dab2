import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fill } from '../../bench/own/lists.ts';
import { openStore } from '../../src/store/open.ts';
import { newVisitor, signIn, startBrowser } from '../support/browser.ts';
import { buildConsole } from '../support/console-rig.ts';
import { startStandin } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * `npm run console:figures`: what the first page weighs, and how long it takes until the console can be used, over a
 * store with 10,000 secrets and 1,000,000 rows of audit. `--empty` leaves the store as it is at a first start.
 */
const runs = 7;
const { empty } = parseArgs({ options: { empty: { type: 'boolean', default: false } } }).values;

buildConsole();
say(weights());
const directory = temporaryDirectory('console-figures');
const started = await startStandin({ dataDir: directory.path });
try {
  if (!empty) {
    await started.stop();
    await fillStore(directory.path);
  }
  const server = empty ? started : await startStandin({ dataDir: directory.path, apiKey: started.apiKey });
  const browser = await startBrowser();
  try {
    say(await times());
  } finally {
    await browser.close();
    await server.stop();
  }

  /** Medians: a page that is loaded anew in a browser that was there before, and one that never was. */
  async function times(): Promise<string[]> {
    const first: number[] = [];
    const again: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const { page, context } = await newVisitor(browser, { url: server.url });
      await signIn(page, server.apiKey);
      await page.locator('.table, .empty').first().waitFor();
      again.push(await usableAfter(async () => void (await page.reload({ waitUntil: 'commit' }))));
      const fresh = await newVisitor(browser, { url: server.url });
      await fresh.context.addCookies(await context.cookies());
      first.push(await usableAfter(async () => void (await fresh.page.goto('/', { waitUntil: 'commit' })), fresh.page));
      await context.close();
      await fresh.context.close();

      async function usableAfter(load: () => Promise<void>, of = page): Promise<number> {
        const begun = performance.now();
        await load();
        await of
          .locator(empty ? '.empty' : '.table .body .line')
          .first()
          .waitFor();
        await of.getByRole('link', { name: 'New secret' }).click({ trial: true });
        return performance.now() - begun;
      }
    }
    return [`usable, first visit      ${milliseconds(first)}`, `usable, once it was seen ${milliseconds(again)}`];
  }
} finally {
  await started.stop();
  directory.remove();
}

function say(lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Bytes over the wire, as brotli, of what the first page loads; and of the terminal, which comes when it is opened. */
function weights(): string[] {
  const folder = fileURLToPath(new URL('../../console/dist/', import.meta.url));
  const sizes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.br'))
    .map((name) => [name, statSync(join(folder, name)).size] as const);
  const sum = (of: (name: string) => boolean) =>
    sizes.filter(([name]) => of(name)).reduce((total, [, size]) => total + size, 0);
  const isTerminal = (name: string) => name.includes('terminal');
  return [
    `first page, compressed   ${kilobytes(sum((name) => !isTerminal(name)))}`,
    `terminal, when opened    ${kilobytes(sum(isTerminal))}`,
  ];
}

async function fillStore(dataDir: string): Promise<void> {
  const url = `sqlite:${join(dataDir, 'standin.db')}`;
  const store = await openStore(url);
  try {
    const team = await store.teams.byName('default');
    if (team === null) throw new Error('the first start made no team');
    await fill(store, url, team.id);
  } finally {
    await store.close();
  }
}

function milliseconds(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} ms (${Math.round(sorted.at(-1) ?? 0)} at most, of ${values.length})`;
}

function kilobytes(size: number): string {
  return `${(size / 1000).toFixed(1)} kB`;
}
