import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import type { TemporaryDirectory } from '../support/temporary.ts';
import { tellStory } from './story.ts';

let home: TemporaryDirectory | undefined;
let sandbox: SandboxWithAccess | undefined;

tellStory({
  name: 'plain processes with HTTPS_PROXY and the CA',
  skip: skipWithout('nginx', 'git', 'openssl'),
  createSandbox: async ({ client }, secrets) => {
    home = temporaryDirectory('e2e-home');
    sandbox = await client.sandboxes.create({ name: 'e2e', driver: 'external', secrets });
    return sandbox;
  },
  runLine: async (line, env) => {
    assert.ok(sandbox !== undefined && home !== undefined);
    const { code, stdout, stderr } = await runProgram('/bin/sh', ['-c', line], {
      cwd: mkdtempSync(join(home.path, 'work-')),
      env: { ...environment(sandbox, home.path), ...env },
    });
    return { code: code ?? -1, stdout, stderr };
  },
  close: async () => home?.remove(),
});

/** What a user does with the answer: keeps `ca_pem` somewhere, and sets the variables with that path in them. */
function environment({ egress }: SandboxWithAccess, directory: string): Record<string, string> {
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, egress.ca_pem);
  const announced = egress.env['STANDIN_CA_FILE'];
  const variables = Object.entries(egress.env).map(([name, value]) => [name, value === announced ? caFile : value]);
  return {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: directory,
    GIT_TERMINAL_PROMPT: '0',
    ...Object.fromEntries(variables),
  };
}
