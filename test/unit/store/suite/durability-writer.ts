import { writeSync } from 'node:fs';
import { openStore } from '../../../../src/store/open.ts';
import { appendEvents, binding, newTeam, noon, requestEvent, sandbox, sealed, secret } from './fixtures.ts';

/** Writes until it is killed, and says on stdout what the store acknowledged. Argument: the database's URL. */
const store = await openStore(process.argv[2] ?? '');
const team = { ...(await newTeam(store)), id: crypto.randomUUID(), name: 'crash' };
await store.teams.insert(team);

async function write(): Promise<void> {
  for (;;) {
    const key = secret(team);
    await store.secrets.insert(key, sealed());
    const box = sandbox(team);
    await store.sandboxes.insert(box, [binding(box, key)]);
    await store.secrets.rotate(key.id, 2, sealed(), noon);
    await appendEvents(
      store,
      Array.from({ length: 100 }, () => requestEvent(box, { secretId: key.id })),
    );
    writeSync(1, `${JSON.stringify({ secret: key.id, sandbox: box.id })}\n`);
  }
}

await Promise.all([write(), write(), write()]);
