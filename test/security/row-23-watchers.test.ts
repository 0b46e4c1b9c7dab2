import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startServer } from '../unit/api/harness.ts';
import { otherTeam } from '../unit/vault/harness.ts';

test('row 23: a team that watches requests as often as it may keeps no other team from watching', async (t) => {
  const server = await startServer(t);
  const stranger = await otherTeam(server.vaultHarness);
  const { key: theirs } = await server.vault.access.createKey(stranger, { name: 'stranger' });
  const gone = new AbortController();
  t.after(() => gone.abort());
  // One that nobody refers to would be closed.
  const open: Response[] = [];
  const watch = async (key: string, { signal } = gone) => {
    const answer = await fetch(`${server.url}/requests/stream`, { headers: { 'x-api-key': key }, signal });
    open.push(answer);
    return answer.status;
  };
  const one = new AbortController();
  assert.equal(await watch(theirs, one), 200);
  for (let count = 1; count < 64; count++) assert.equal(await watch(theirs), 200);
  assert.equal(await watch(theirs), 429);
  assert.equal(await watch(server.apiKey), 200);
  one.abort();
  let asking: Promise<void> | null = null;
  let status = 429;
  const ask = async () => {
    status = await watch(theirs);
    asking = null;
  };
  await eventually(() => {
    if (status !== 200) asking ??= ask();
    return status === 200;
  }, 'room for another');
});
