import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openFor } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

const writer = fileURLToPath(new URL('./durability-writer.ts', import.meta.url));

export function durabilitySuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: durability`, () => {
    it('holds every acknowledged write, and only whole ones, after kill -9 in the middle of writing', async (test) => {
      const url = await freshUrl();
      const child = spawn(process.execPath, [writer, url], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
      const acknowledged: { secret: string; rotated: boolean; sandbox: string }[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        // The last line may have been cut off.
        if (!line.endsWith('}')) continue;
        acknowledged.push(JSON.parse(line));
        if (acknowledged.length === 25) child.kill('SIGKILL');
      }
      assert.equal(await exited, 'SIGKILL');
      assert.ok(acknowledged.length >= 25);

      const store = await openFor(test, url);
      for (const { secret, sandbox } of acknowledged) {
        const record = await store.secrets.byId(secret);
        assert.equal(record?.version, 2);
        assert.notEqual(await store.secrets.sealed(secret, 2), null);
        assert.equal(await store.secrets.sealed(secret, 1), null);
        assert.equal((await store.bindings.bySandbox(sandbox)).length, 1);
        assert.equal((await store.events.bySecret(secret, { limit: 200 })).length, 100);
      }
      // What was not acknowledged is there wholly or not at all.
      const teams = await store.teams.byName('crash');
      for (const { id, version } of await store.secrets.list(teams?.id ?? '')) {
        assert.notEqual(await store.secrets.sealed(id, version), null);
        assert.ok([0, 100].includes((await store.events.bySecret(id, { limit: 200 })).length));
      }
      for (const { id } of await store.sandboxes.list(teams?.id ?? '', { limit: 1000, offset: 0 })) {
        assert.equal((await store.bindings.bySandbox(id)).length, 1);
      }
    });
  });
}
