import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { newVisitor, signIn, startBrowser } from './browser.ts';
import type { Theme, Visitor } from './browser.ts';
import { startEgressRig } from './egress-rig.ts';
import type { EgressRig } from './egress-rig.ts';

/** The real server with the console as it is built, an upstream, and a browser. */
export interface ConsoleRig extends EgressRig {
  browser: Browser;
  /** A browser that is signed in with the server's first key. */
  visit(options?: { theme?: Theme; width?: number; height?: number }): Promise<Visitor>;
}

export async function startConsoleRig(names: string[]): Promise<ConsoleRig> {
  buildConsole();
  const rig = await startEgressRig({ names });
  const browser = await startBrowser().catch(async (error: unknown) => {
    await rig.stop();
    throw error;
  });
  return {
    ...rig,
    browser,
    visit: async (options = {}) => {
      const visitor = await newVisitor(browser, { url: rig.server.url, ...options });
      await signIn(visitor.page, rig.server.apiKey);
      return visitor;
    },
    stop: async () => {
      await browser.close();
      await rig.stop();
    },
  };
}

/** Where it is not built of the sources as they are. */
export function buildConsole(): void {
  build('build-console.ts');
}

/** The documentation, likewise. */
export function buildDocs(): void {
  build('build-docs.ts');
}

function build(name: string): void {
  const script = fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));
  execFileSync(process.execPath, [script, '--if-stale'], { stdio: ['ignore', 'ignore', 'inherit'] });
}
