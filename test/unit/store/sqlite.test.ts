import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { randomUUID } from 'node:crypto';
import { storeSuite } from './suite/all.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'standin-store-'));
});
after(() => rm(directory, { recursive: true, force: true }));

storeSuite({ kind: 'sqlite', freshUrl: async () => `sqlite:${join(directory, `${randomUUID()}.db`)}` });
