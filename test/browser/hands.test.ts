import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { newVisitor } from '../support/browser.ts';
import { startConsoleRig } from '../support/console-rig.ts';
import type { ConsoleRig } from '../support/console-rig.ts';
import { skipWithout } from '../support/processes.ts';

const value = 'typed-value-that-must-not-stay-0123456789';

describe('what is typed into the console', { skip: skipWithout('chromium') }, () => {
  let rig: ConsoleRig;
  before(async () => {
    rig = await startConsoleRig(['api.example.com']);
  });
  after(() => rig?.stop());

  it('can be typed by the keyboard alone, from signing in to signing out', async () => {
    const { page } = await newVisitor(rig.browser, { url: rig.server.url });
    await page.goto('/');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    // The field has the focus already.
    await page.keyboard.type(`${rig.server.apiKey}\n`);
    await page.getByText('Store the first key').waitFor();
    await tabTo(page, 'Skip to the content');
    await page.keyboard.press('Enter');
    await tabTo(page, 'New secret');
    await page.keyboard.press('Enter');
    await page.getByText('What the upstream gets').waitFor();
    await tabTo(page, 'A provider');
    await page.keyboard.press('ArrowRight');
    await tabTo(page, 'Hosts');
    await page.keyboard.type('api.example.com');
    await tabTo(page, 'Name');
    await page.keyboard.type('by-hand');
    await tabTo(page, 'Value');
    await page.keyboard.type(`${value}\n`);
    await page.getByText('Stored by-hand.').waitFor();
    await tabTo(page, 'Rotate');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await focused(page), 'Rotate', 'the focus is where it was');
    await tabTo(page, 'Sign out');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.goto('/#/secrets/by-hand');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('is nowhere in the page, its storage or its console once it was sent', async () => {
    const { page, context } = await rig.visit();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    await page.goto('/#/new-secret');
    await page.getByText('Own rule').click();
    await page.getByLabel('Hosts').fill('api.example.com');
    await page.getByLabel('Name').fill('1 is no name');
    await page.getByLabel('Value').fill(value);
    assert.equal(await holds(page, value), false, 'while it is typed it is in the field’s value alone');
    await page.getByLabel('Name').fill('once');
    await page.getByRole('button', { name: 'Store secret' }).click();
    await page.getByText('Stored once.').waitFor();
    await page.goto('/#/new-secret');
    await page.getByText('Own rule').click();
    await page.getByLabel('Hosts').fill('api.example.com');
    await page.getByLabel('Name').fill('once');
    await page.getByLabel('Value').fill(value);
    await page.getByRole('button', { name: 'Store secret' }).click();
    await page.getByText('conflict', { exact: true }).waitFor();
    assert.equal(await page.getByLabel('Value').inputValue(), '', 'the field is empty after a refusal too');
    for (const secret of [value, rig.server.apiKey]) {
      assert.equal(await holds(page, secret), false);
      assert.ok(!said.join('\n').includes(secret));
      const stored: string = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])');
      assert.ok(!stored.includes(secret));
    }
    const cookies = await context.cookies();
    assert.deepEqual(
      cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })),
      [{ httpOnly: true, sameSite: 'Strict' }],
    );
  });

  it('is answered with what to do where it is wrong', async () => {
    const { page } = await newVisitor(rig.browser, { url: rig.server.url });
    await page.goto('/');
    await page.getByLabel('API key').fill('no key of this server');
    await page.getByRole('button', { name: 'Sign in' }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('unauthorized', { exact: true }).waitFor();
    await alert.getByText('standin key create').waitFor();
  });

  it('scrolls through a long list with few rows in the page', async () => {
    const names = Array.from({ length: 230 }, (_none, index) => `long-${String(index).padStart(3, '0')}`);
    for (const name of names) await rig.secret({ name, auth: { type: 'bearer' }, hosts: ['api.example.com'] });
    const { page } = await rig.visit();
    await page.getByRole('link', { name: 'long-229' }).waitFor();
    await page.getByLabel('Order').selectOption('name');
    await page.getByRole('link', { name: 'long-000' }).waitFor();
    while (!(await page.getByRole('link', { name: 'long-229' }).isVisible())) {
      assert.ok((await page.locator('.table .body .line').count()) < 60);
      await page.mouse.wheel(0, 700);
    }
    await page.getByLabel('Search secrets').fill('long-11');
    await page.getByRole('link', { name: 'long-117' }).waitFor();
    await page.getByRole('link', { name: 'long-229' }).waitFor({ state: 'detached' });
  });
});

/** Whether the text stands in the document: its markup and every attribute. */
async function holds(page: Page, text: string): Promise<boolean> {
  return (await page.content()).includes(text);
}

/** The name of what has the focus, as it is seen or as a screen reader says it. */
async function focused(page: Page): Promise<string> {
  return await page.evaluate(`(() => {
    const element = document.activeElement;
    return element.labels?.[0]?.textContent.trim() || element.getAttribute('aria-label') || element.textContent.trim();
  })()`);
}

/** Presses Tab until something of this name has the focus. Throws after as many as any page has. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let pressed = 0; pressed < 150; pressed += 1) {
    if ((await focused(page)) === name) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${name}`);
}
