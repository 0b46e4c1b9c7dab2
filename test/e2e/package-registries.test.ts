import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { npmRegistry, pythonIndex } from '../support/package-registries.ts';
import type { RegistryFiles } from '../support/package-registries.ts';
import { skipWithout } from '../support/processes.ts';
import { noPython, pythonProgram } from './languages.ts';

describe('installers of packages, from private registries', () => {
  const npmHost = 'npm.example.com';
  const pythonHost = 'pypi.example.com';
  const greeting = 'hello from the package';
  const values = { npm: 'real-npm-value-0123456789abcdef', python: 'real-python-value-0123456789abcdef' };
  const authorizations: Record<string, string> = {
    [npmHost]: `Bearer ${values.npm}`,
    [pythonHost]: `Basic ${Buffer.from(`reader:${values.python}`).toString('base64')}`,
  };
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: ClientSandbox;

  before(async () => {
    const files: Record<string, RegistryFiles> = {
      [npmHost]: npmRegistry(`https://${npmHost}`, greeting),
      [pythonHost]: noPython === false ? pythonIndex(pythonProgram, greeting) : new Map(),
    };
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([npmHost, pythonHost]), (request, response) => {
        const { host = '', authorization } = request.headers;
        const file = files[host]?.get(decodeURIComponent(request.url));
        if (authorization !== authorizations[host]) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="packages"' }).end();
        } else if (file === undefined) response.writeHead(404).end();
        else {
          response.writeHead(200, { 'content-type': file.type, 'content-length': file.content.length });
          response.end(file.content);
        }
      });
      return { [npmHost]: upstream.port, [pythonHost]: upstream.port };
    });
    const { client } = rig.server;
    await client.secrets.create({ name: 'npm', value: values.npm, auth: { type: 'bearer' }, hosts: [npmHost] });
    await client.secrets.create({ name: 'python', value: values.python, auth: { type: 'basic' }, hosts: [pythonHost] });
    sandbox = await clientSandbox(client, { name: 'packages', secrets: { NPM_TOKEN: 'npm', PYPI_TOKEN: 'python' } });
  });

  after(async () => {
    sandbox?.remove();
    await rig?.stop();
    await upstream?.stop();
  });

  test('npm install', { skip: skipWithout('npm') }, async () => {
    writeFileSync(join(sandbox.home, '.npmrc'), `//${npmHost}/:_authToken=\${NPM_TOKEN}\n`);
    const install = `npm install --silent --no-audit --no-fund --registry https://${npmHost}/ standin-sample`;
    const output = await sandbox.run('/bin/sh', ['-ec', `${install} && node -p 'require("standin-sample")'`]);
    assert.ok(output.endsWith(`${greeting}\n`), output);
  });

  test('pip install', { skip: noPython }, async () => {
    const index = `"https://reader:$PYPI_TOKEN@${pythonHost}/simple/"`;
    const install = `${pythonProgram} -m pip install -q --disable-pip-version-check --no-input --target . --index-url ${index} standin-sample`;
    const use = `${pythonProgram} -c 'import standin_sample; print(standin_sample.GREETING)'`;
    assert.equal(await sandbox.run('/bin/sh', ['-ec', `${install} && ${use}`]), `${greeting}\n`);
  });
});
