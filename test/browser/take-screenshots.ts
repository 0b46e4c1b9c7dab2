import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startConsoleRig } from '../support/console-rig.ts';
import { liveADay, names } from './working-day.ts';
import type { Day } from './working-day.ts';

/** `npm run screenshots`: the pictures of docs/img/, of a real server on which something was done. */
const folder = fileURLToPath(new URL('../../docs/img/', import.meta.url));
mkdirSync(folder, { recursive: true });

const rig = await startConsoleRig(names);
try {
  const day = await liveADay(rig);
  for (const theme of ['light', 'dark'] as const) {
    const { page, context } = await rig.visit({ theme, height: 760 });
    for (const [name, show] of pictures(day)) {
      await show(page);
      await shoot(page, theme === 'dark' ? `${name}-dark` : name);
    }
    await context.close();
  }
  const { page } = await rig.visit({ width: 360, height: 720 });
  await page.goto('/#/secrets/anthropic-prod');
  await page
    .getByRole('button', { name: /api\.anthropic\.com/ })
    .first()
    .waitFor();
  await shoot(page, 'narrow');
} finally {
  await rig.stop();
}

async function shoot(page: Page, name: string): Promise<void> {
  const path = join(folder, `${name}.png`);
  // What was done to get here is not what the picture is of.
  for (const button of await page.getByRole('button', { name: 'Dismiss' }).all()) await button.click();
  await page.screenshot({ path });
  process.stdout.write(`docs/img/${name}.png  ${Math.round(statSync(path).size / 1000)} kB\n`);
}

/** What each shows, and how one gets there. */
function pictures({ agent }: Day): [name: string, show: (page: Page) => Promise<void>][] {
  return [
    [
      'secrets',
      async (page) => {
        await page.goto('/#/secrets');
        await page.getByRole('link', { name: 'anthropic-prod' }).waitFor();
        await page.locator('.sparkline').first().waitFor();
      },
    ],
    [
      'new-secret',
      async (page) => {
        await page.goto('/#/new-secret?provider=openai');
        await page.getByLabel('Value').fill('sk-proj-not-a-real-key');
        await page.getByText('Bearer ••••').waitFor();
      },
    ],
    [
      'explain',
      async (page) => {
        await page.goto('/#/secrets/anthropic-prod');
        await page.locator('.line.bad', { hasText: '403' }).getByRole('button').first().click();
        await page.getByRole('dialog').getByText('What to do:').waitFor();
      },
    ],
    [
      'terminal',
      async (page) => {
        await page.goto(`/#/sandboxes/${agent.id}/terminal`);
        await page.getByText('Live', { exact: true }).waitFor();
        await page.getByRole('textbox', { name: 'Terminal input' }).focus();
        await page.keyboard.type(
          'echo $ANTHROPIC_API_KEY\ncurl -sS https://api.anthropic.com/v1/models -H "x-api-key: $ANTHROPIC_API_KEY"\n',
        );
        await page.getByText('claude').first().waitFor();
      },
    ],
    [
      'network',
      async (page) => {
        await page.goto(`/#/sandboxes/${agent.id}/network`);
        await page.locator('.line.bad').first().waitFor();
      },
    ],
    [
      'activity',
      async (page) => {
        await page.goto('/#/activity');
        await page.getByText('1 h', { exact: true }).click();
        await page.getByText('Tripwires').first().waitFor();
      },
    ],
    [
      'map',
      async (page) => {
        await page.goto('/#/activity/map');
        await page.getByRole('img', { name: /^Secret anthropic-prod/ }).waitFor();
      },
    ],
  ];
}
