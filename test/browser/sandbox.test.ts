import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { newVisitor, signIn } from '../support/browser.ts';
import { startConsoleRig } from '../support/console-rig.ts';
import type { ConsoleRig } from '../support/console-rig.ts';
import { skipWithout } from '../support/processes.ts';

const host = 'api.example.com';

describe('a sandbox in the console', { skip: skipWithout('chromium', 'bwrap', 'curl') }, () => {
  let rig: ConsoleRig;
  let sandbox: SandboxWithAccess;
  before(async () => {
    rig = await startConsoleRig([host]);
    await rig.secret({ name: 'crm', auth: { type: 'bearer' }, hosts: [host] });
    sandbox = await rig.server.client.sandboxes.create({ name: 'box' });
  });
  after(() => rig?.stop());

  it('takes a file and gives it back', async () => {
    const { page, complaints } = await rig.visit();
    await page.goto(`/#/sandboxes/${sandbox.id}/files`);
    await page.getByText('This directory is empty').waitFor();
    const content = Buffer.from('one\0two\n');
    await page.locator('input[type=file]').setInputFiles({ name: 'a b.bin', mimeType: 'text/plain', buffer: content });
    await page.getByText('Uploaded 1 file to /home/user.').waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download a b.bin' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'a b.bin');
    assert.deepEqual(await readFile(await download.path()), content);
    assert.deepEqual(complaints, []);
  });

  it('has secrets bound and detached while it runs', async () => {
    const { page } = await rig.visit();
    await page.goto(`/#/sandboxes/${sandbox.id}/secrets`);
    await page.getByRole('button', { name: 'Bind a secret' }).click();
    await page.getByLabel('Secret', { exact: true }).fill('crm');
    assert.equal(await page.getByLabel('Variable').inputValue(), 'CRM');
    await page.getByRole('button', { name: 'Bind', exact: true }).click();
    await page.getByText('Bound crm to CRM.').waitFor();
    await page.getByRole('button', { name: 'Detach' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Detach' }).click();
    await page.getByText('No secret is bound').waitFor();
    assert.deepEqual((await rig.server.client.sandboxes.get(sandbox.id)).secrets, []);
  });

  it('is paused and resumed, and says why there is no terminal meanwhile', async () => {
    const { page } = await rig.visit();
    await page.goto(`/#/sandboxes/${sandbox.id}/terminal`);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('The sandbox is paused').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    await answers(page, 'echo $((40+2))', '42');
  });

  it('that runs elsewhere has lines to copy, and a token that is shown when it is made', async () => {
    const { page } = await rig.visit();
    await page.goto('/#/sandboxes/new');
    await page.getByLabel('Name').fill('elsewhere');
    await page.getByText('Elsewhere').click();
    await page.getByRole('button', { name: 'Start sandbox' }).click();
    const variables = page.getByRole('group', { name: 'Set the variables in this shell' });
    await variables.waitFor();
    const tokenless = /HTTPS_PROXY=http:\/\/[0-9a-f-]{36}@/;
    const first = await variables.textContent();
    await page.getByRole('button', { name: 'New proxy token' }).click();
    await page.getByText('Made a new proxy token').waitFor();
    const second = await variables.textContent();
    assert.doesNotMatch(second ?? '', tokenless);
    assert.notEqual(second, first);
    for (const target of ['Docker', 'Compose', 'Kubernetes']) {
      await page.getByText(target, { exact: true }).click();
      await page.getByRole('group', { name: /variables/ }).waitFor();
    }
  });

  it('is seen by nobody whose key was revoked', async () => {
    const { client } = rig.server;
    const { id, key } = await client.keys.create({ name: 'short-lived' });
    const { page } = await newVisitor(rig.browser, { url: rig.server.url });
    await signIn(page, key);
    await client.keys.revoke(id);
    await page.goto('/#/sandboxes');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});

async function answers(page: Page, line: string, expected: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type(`${line}\n`);
  await page.locator('.xterm-rows').getByText(expected, { exact: true }).waitFor();
}
