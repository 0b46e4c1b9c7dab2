import assert from 'node:assert/strict';
import { copyFileSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { catalogue } from '../../src/vault/providers/catalogue.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { sized } from '../support/replies.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import type { TlsUpstream } from '../support/tls-upstream.ts';
import { clientFile } from './languages.ts';

/**
 * The vendors' own packages with stand-ins: each takes the stand-in for a key of its vendor's, says nothing of its form, and
 * puts it where the catalogue says. `scripts/setup --tests` installs them.
 */
const packages = fileURLToPath(new URL('../../node_modules/.cache/standin/vendor-sdks/node_modules', import.meta.url));
const names = [
  'openai', 'groq', 'stripe', 'github', 'slack', 'notion', 'gemini', 'huggingface', 'resend', 'replicate', 'twilio',
  'sendgrid', 'linear', 'mistral', 'together', 'cerebras', 'browserbase', 'neon', 'pagerduty', 'airtable', 'assemblyai',
  'intercom', 'langsmith', 'postmark',
]; // prettier-ignore
const hosts = names.flatMap((name) => catalogue.get(name)?.rules[0]?.hosts[0] ?? []);
const variableOf = (name: string) => `KEY_${name.toUpperCase()}`;
const valueOf = (name: string) => `real-${name}-value`;

/** Enough of an answer for each of them. */
const answer = {
  ok: true, object: 'list', data: [], results: [], models: [], transcripts: [], page_details: {}, accounts: [], scopes: [], type: 'user', id: '1', name: 'x',
  orgs: [], auth: { type: 'access_token', accessToken: { createdAt: '2026-01-01', displayName: 'x', role: 'read' } },
}; // prettier-ignore

describe(
  "the vendors' own packages",
  { skip: existsSync(join(packages, 'openai')) ? false : 'they are not installed', timeout: 120_000 },
  () => {
    let upstream: TlsUpstream;
    let rig: ClientRig;
    let sandbox: ClientSandbox;
    let program: string;

    before(async () => {
      rig = await startClientRig(async (authority) => {
        upstream = await startTlsUpstream({
          certificate: authority.issue(hosts),
          respond: () => sized(200, JSON.stringify(answer), { 'Content-Type': 'application/json' }),
        });
        return Object.fromEntries(hosts.map((host) => [host, upstream.port]));
      });
      for (const name of names) {
        await rig.server.client.secrets.create({ name, provider: name, value: valueOf(name) });
      }
      const secrets = Object.fromEntries(names.map((name) => [variableOf(name), name]));
      sandbox = await clientSandbox(rig.server.client, { name: 'sdks', secrets });
      symlinkSync(packages, join(sandbox.home, 'node_modules'));
      program = join(sandbox.home, 'vendor-sdks.mjs');
      copyFileSync(clientFile('vendor-sdks.mjs'), program);
    });
    after(async () => {
      sandbox.remove();
      await rig.stop();
      await upstream.stop();
    });

    it('take stand-ins and put them where the catalogue says', async () => {
      const { stdout, stderr } = await sandbox.attempt(process.execPath, [program, ...names]);
      assert.deepEqual(
        stdout.trim().split('\n'),
        names.map((name) => `ok ${name}`),
        stderr,
      );
      assert.equal(stderr, '');
      const received = upstream.receivedText();
      const basic = [...received.matchAll(/basic (\S+)/gi)].map(([, text = '']) =>
        Buffer.from(text, 'base64').toString(),
      );
      const arrived = `${received}\n${basic.join('\n')}`;
      assert.deepEqual(
        names.filter((name) => !arrived.includes(valueOf(name))),
        [],
      );
    });

    const checked: [name: string, key: string, complaint: RegExp][] = [
      ['huggingface', 'a-key-of-no-form', /must start with 'hf_'/],
      ['sendgrid', 'a-key-of-no-form', /does not start with "SG\."/],
    ];
    for (const [name, key, complaint] of checked) {
      it(`${name}'s does look at the form: it complains of another`, async () => {
        const { stdout, stderr } = await sandbox.attempt(process.execPath, [program, name], {
          [variableOf(name)]: key,
        });
        assert.match(`${stdout}${stderr}`, complaint);
      });
    }
  },
);
