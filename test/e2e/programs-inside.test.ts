import assert from 'node:assert/strict';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { skipWithout } from '../support/processes.ts';
import { sandboxDrivers } from '../support/sandbox-drivers.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { mounts } from './programs.ts';
import { tellStory } from './story.ts';

for (const { name, skip } of sandboxDrivers) {
  let server: StandinServer | undefined;
  let sandbox: SandboxWithAccess | undefined;

  tellStory({
    name: `programs inside a ${name} sandbox`,
    skip: skip || skipWithout('nginx', 'git', 'openssl'),
    createSandbox: async (standin, secrets) => {
      server = standin;
      sandbox = await standin.client.sandboxes.create({ name: 'e2e', driver: name, secrets, mounts });
      return sandbox;
    },
    runLine: async (line, env) => {
      assert.ok(server !== undefined && sandbox !== undefined);
      const command = `cd "$(mktemp -d)" && ${line}`;
      const { exit_code: code, stdout, stderr } = await server.client.exec(sandbox, { command, env, timeout_s: 60 });
      return { code, stdout, stderr };
    },
    close: async () => {
      if (sandbox !== undefined) await server?.client.sandboxes.remove(sandbox.id);
    },
  });
}
