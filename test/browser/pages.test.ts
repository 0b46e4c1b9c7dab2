import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { barriers, newVisitor, overflow } from '../support/browser.ts';
import type { Theme } from '../support/browser.ts';
import { buildDocs, startConsoleRig } from '../support/console-rig.ts';
import type { ConsoleRig } from '../support/console-rig.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';

const host = 'api.example.com';
const themes: readonly Theme[] = ['light', 'dark'];

/** Every page, and a text that shows once it is there. */
function pagesOf(sandbox: SandboxWithAccess): [path: string, shows: string][] {
  const box = `sandboxes/${sandbox.id}`;
  return [
    ['secrets', 'warehouse'],
    ['new-secret?provider=anthropic', 'What the upstream gets'],
    ['secrets/crm', 'credential_host_mismatch'],
    ['secrets/crm/sandboxes', 'CRM_KEY'],
    ['secrets/crm/timeline', 'Version 2'],
    ['secrets/crm/rule', 'Detach it at once'],
    ['secrets/gone', 'not_found'],
    ['sandboxes', 'agent-1'],
    ['sandboxes/new', 'Where does it run?'],
    [box, 'Allowed'],
    [`${box}/terminal`, 'New shell'],
    [`${box}/files`, 'notes.txt'],
    [`${box}/secrets`, 'CRM_KEY'],
    [`${box}/previews`, 'private'],
    [`${box}/connect`, 'Save the certificate'],
    ['activity', 'Refused and failed'],
    ['activity/map', 'As a table'],
    ['activity/requests', 'GET'],
    ['settings', 'bootstrap'],
    ['settings/certificate', 'Debian, Ubuntu'],
    ['settings/webhooks', 'alerts.example.com'],
    ['settings/config', 'STANDIN_API_LISTEN'],
    ['nowhere', 'Nothing is at this address'],
  ];
}

describe('every page of the console', { skip: skipWithout('chromium', 'bwrap', 'curl') }, () => {
  let rig: ConsoleRig;
  let sandbox: SandboxWithAccess;
  before(async () => {
    buildDocs();
    rig = await startConsoleRig([host, 'elsewhere.example.com']);
    sandbox = await fill(rig);
  });
  after(() => rig?.stop());

  for (const theme of themes) {
    it(`shows what is there and keeps nobody out, in the ${theme} theme`, async () => {
      const { page, complaints } = await rig.visit({ theme });
      const found: string[] = [];
      for (const [path, shows] of pagesOf(sandbox)) {
        await page.goto(`/#/${path}`);
        await page.locator('main').getByText(shows).first().waitFor();
        const dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches");
        assert.equal(dark, theme === 'dark');
        found.push(...(await barriers(page)).map((each) => `${path}: ${each}`));
      }
      assert.deepEqual(found, []);
      assert.deepEqual(complaints, [], 'no error, and nothing that the content security policy stops');
    });
  }

  it('fits a window of 360 pixels', async () => {
    const { page } = await rig.visit({ width: 360, height: 740 });
    const wide: string[] = [];
    for (const [path, shows] of pagesOf(sandbox)) {
      await page.goto(`/#/${path}`);
      await page.locator('main').getByText(shows).first().waitFor();
      const pixels = await overflow(page);
      if (pixels > 0) wide.push(`${path} by ${pixels}`);
    }
    assert.deepEqual(wide, []);
  });

  it('has no barrier in a dialog either', async () => {
    const { page, complaints } = await rig.visit();
    const dialogs: [path: string, button: string][] = [
      ['secrets/crm', 'Test'],
      ['secrets/crm', 'Rotate'],
      ['secrets/crm', 'Delete'],
      [`sandboxes/${sandbox.id}/secrets`, 'Bind a secret'],
      [`sandboxes/${sandbox.id}/previews`, 'Publish a port'],
      [`sandboxes/${sandbox.id}`, 'Delete'],
      ['settings', 'New key'],
      ['settings/webhooks', 'New webhook'],
    ];
    for (const [path, button] of dialogs) {
      await page.goto(`/#/${path}`);
      await page.getByRole('button', { name: button, exact: true }).click();
      await page.getByRole('dialog').waitFor();
      assert.deepEqual(await barriers(page), [], `${path}: ${button}`);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    assert.deepEqual(complaints, []);
  });

  it('leads to the documentation, signed in or not', async () => {
    const { page: stranger } = await newVisitor(rig.browser, { url: rig.server.url });
    const { page: member } = await rig.visit();
    for (const page of [stranger, member]) {
      await page.goto('/#/secrets');
      await page.getByRole('link', { name: 'Documentation' }).click();
      await page.getByRole('heading', { name: 'Documentation', level: 1 }).waitFor();
      assert.equal(new URL(page.url()).pathname, '/docs/');
    }
  });

  it('keeps the theme that was chosen, against that of the system', async () => {
    const { page } = await rig.visit({ theme: 'light' });
    const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await background();
    await page.getByRole('button', { name: /^Theme: system/ }).click();
    assert.equal(await background(), light);
    await page.getByRole('button', { name: /^Theme: light/ }).click();
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole('button', { name: /^Theme: dark/ }).waitFor();
    assert.equal(await background(), dark);
  });

  it('asks who one is, and has no barrier there', async () => {
    for (const theme of themes) {
      const { page, complaints } = await newVisitor(rig.browser, { url: rig.server.url, theme, width: 360 });
      await page.goto('/#/secrets');
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.deepEqual(await barriers(page), []);
      assert.equal(await overflow(page), 0);
      assert.deepEqual(complaints, []);
    }
  });
});

/** Something for every page to show. */
async function fill(rig: ConsoleRig): Promise<SandboxWithAccess> {
  const { client } = rig.server;
  await rig.secret({ name: 'crm', auth: { type: 'bearer' }, hosts: [host] });
  await rig.secret({
    name: 'warehouse',
    hosts: ['a.example.com', '*.example.org'],
    auth: {
      per_host: [
        { hosts: ['a.example.com'], type: 'api-key', header: 'X-Api-Key' },
        { hosts: ['*.example.org'], type: 'basic', username: 'svc' },
      ],
    },
  });
  await client.secrets.rotate('crm', 'another-value-0123456789');
  await client.webhooks.create({ url: 'https://alerts.example.com/standin' });
  const sandbox = await client.sandboxes.create({ name: 'agent-1', secrets: { CRM_KEY: 'crm' } });
  await client.previews.publish(sandbox.id, { port: 3000, access: 'private' });
  const curl = 'curl -sS -o /dev/null -H "Authorization: Bearer $CRM_KEY"';
  await client.exec(sandbox, {
    command: `echo hi > notes.txt; ${curl} https://${host}/a; ${curl} https://elsewhere.example.com/b; curl -sS https://${host}/c`,
    working_dir: '/home/user',
  });
  await waitUntil(async () => (await client.secrets.audit('crm', { kind: 'all' })).length >= 3, { what: 'audit rows' });
  return sandbox;
}
