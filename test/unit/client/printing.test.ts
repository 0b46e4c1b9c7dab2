import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { Sandbox, Secret } from '../../../src/client/library.ts';
import { startServer } from '../api/harness.ts';

test('however an object is printed, no token and no key is in it', async (t) => {
  const { url, client } = await startServer(t);
  const { key } = await client.keys.create({ name: 'library' });
  const options = { baseUrl: url, apiKey: key };
  const secret = await Secret.create({ ...options, name: 'own', value: 'real-value', provider: 'openai' });
  const sandbox = await Sandbox.create({ ...options, name: 'box', driver: 'external', secrets: { KEY: 'own' } });
  const { password } = new URL(sandbox.egress.proxyUrl);
  const { access_token: token } = await client.sandboxes.get(sandbox.id);
  assert.ok(password.length > 20 && token.length > 20);
  const deep = { depth: 20, showHidden: true };
  for (const each of [sandbox, secret, sandbox.commands, sandbox.files, { sandbox, secret }]) {
    const printed = [
      inspect(each, deep),
      JSON.stringify(each),
      format('%s', each),
      JSON.stringify(Object.assign({}, each)),
    ].join('\n');
    for (const hidden of [key, password, token, 'real-value']) assert.ok(!printed.includes(hidden), printed);
  }
  assert.ok(!inspect(await sandbox.getInfo()).includes(token));
});
