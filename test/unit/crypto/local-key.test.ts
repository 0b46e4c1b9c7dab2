import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { inspect } from 'node:util';
import { UnsealError } from '../../../src/crypto/aead.ts';
import { openLocalKeyProvider, requireKey } from '../../../src/crypto/providers/local.ts';

describe('local key provider', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'standin-key-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const fresh = () => join(directory, randomBytes(6).toString('hex'));
  const aad = Buffer.from('context');

  it('makes the key file once, for its user only, and leaves nothing else behind', async () => {
    const home = fresh();
    await mkdir(home);
    const path = join(home, 'key');
    const provider = await openLocalKeyProvider({ path, mayCreate: true });
    const { mode, size } = await stat(path);
    assert.equal((mode & 0o777).toString(8), '600');
    assert.equal(size, 32);
    assert.deepEqual(await readdir(home), ['key']);
    const again = await openLocalKeyProvider({ path, mayCreate: true });
    assert.equal(again.keyId, provider.keyId);
  });

  it('unwraps after a restart what it wrapped before', async () => {
    const path = fresh();
    const dataKey = randomBytes(32);
    const { wrappedKey, keyId } = await (await openLocalKeyProvider({ path, mayCreate: true })).wrap(dataKey, aad);
    const restarted = await openLocalKeyProvider({ path, mayCreate: false });
    assert.deepEqual(await restarted.unwrap(wrappedKey, aad, keyId), dataKey);
    await assert.rejects(restarted.unwrap(wrappedKey, Buffer.from('elsewhere'), keyId), UnsealError);
  });

  it('gives all processes that start at once the same key', async () => {
    for (let round = 0; round < 5; round++) {
      const path = fresh();
      // Each starts a turn of the event loop after the one before, so that they meet at every step.
      const starting: ReturnType<typeof openLocalKeyProvider>[] = [];
      for (let each = 0; each < 12; each++) {
        starting.push(openLocalKeyProvider({ path, mayCreate: true }));
        await new Promise(setImmediate);
      }
      const providers = await Promise.all(starting);
      assert.equal(new Set(providers.map((each) => each.keyId)).size, 1);
    }
  });

  it('tells a wrong key file from damaged data, at the start and at each value', async () => {
    const [right, wrong] = [
      await openLocalKeyProvider({ path: fresh(), mayCreate: true }),
      await openLocalKeyProvider({ path: fresh(), mayCreate: true }),
    ];
    assert.notEqual(right.keyId, wrong.keyId);
    requireKey(right, right.keyId);
    assert.throws(() => requireKey(wrong, right.keyId), {
      name: 'StartupError',
      message: /^wrong key: .* put back the key file that belongs to this database/,
    });
    const { wrappedKey, keyId } = await right.wrap(randomBytes(32), aad);
    await assert.rejects(wrong.unwrap(wrappedKey, aad, keyId), {
      name: 'UnsealError',
      message: `sealed under key ${right.keyId}, but this is key ${wrong.keyId}`,
    });
    await assert.rejects(wrong.unwrap(wrappedKey, aad, wrong.keyId), {
      name: 'UnsealError',
      message: /altered, or belongs to another key/,
    });
  });

  it('refuses to make a key where values are sealed under one that is missing', async () => {
    const path = fresh();
    await assert.rejects(openLocalKeyProvider({ path, mayCreate: false }), {
      name: 'StartupError',
      message: `key file ${path} is missing, but the database holds values encrypted under it: restore it from your backup`,
    });
    await assert.rejects(stat(path), { code: 'ENOENT' });
  });

  it('refuses a key file that others can use, and leaves it as it is', async () => {
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610]) {
      const path = fresh();
      await openLocalKeyProvider({ path, mayCreate: true });
      const key = await readFile(path);
      await chmod(path, mode);
      await assert.rejects(openLocalKeyProvider({ path, mayCreate: true }), {
        name: 'StartupError',
        message: `key file ${path} can be used by other users: run chmod 600 on it`,
      });
      assert.deepEqual(await readFile(path), key);
    }
  });

  it(
    "refuses another user's key file",
    { skip: process.geteuid?.() === 0 ? false : 'only root can give a file away' },
    async () => {
      const path = fresh();
      await openLocalKeyProvider({ path, mayCreate: true });
      await chown(path, 65_534, 65_534);
      await assert.rejects(openLocalKeyProvider({ path, mayCreate: true }), {
        name: 'StartupError',
        message: `key file ${path} belongs to user 65534, not to 0: run chown 0 on it`,
      });
    },
  );

  it('refuses a key file of another length, and does not replace it', async () => {
    for (const length of [0, 31, 33, 4096]) {
      const path = fresh();
      await writeFile(path, Buffer.alloc(length, 7), { mode: 0o600 });
      await assert.rejects(openLocalKeyProvider({ path, mayCreate: true }), {
        name: 'StartupError',
        message: new RegExp(`is damaged \\(${length} bytes, not 32\\): restore it`),
      });
      assert.equal((await stat(path)).size, length);
    }
  });

  it('refuses what is not a file, without waiting for it', async () => {
    const pipe = fresh();
    await promisify(execFile)('mkfifo', ['-m', '600', pipe]);
    const folder = fresh();
    await mkdir(folder, { mode: 0o700 });
    for (const path of [pipe, folder]) {
      await assert.rejects(openLocalKeyProvider({ path, mayCreate: true }), {
        name: 'StartupError',
        message: `key file ${path} is not a file: remove what is in its place`,
      });
    }
  });

  it('says what to do where the directory is missing', async () => {
    const path = join(fresh(), 'key');
    await assert.rejects(openLocalKeyProvider({ path, mayCreate: true }), {
      name: 'StartupError',
      message: /cannot be written \(ENOENT\): give the user that runs standin access to /,
    });
  });

  it('shows neither the key nor what derives from it when printed', async () => {
    const path = fresh();
    const provider = await openLocalKeyProvider({ path, mayCreate: true });
    const key = await readFile(path);
    const printed = inspect(provider, { depth: 10, showHidden: true }) + JSON.stringify(provider);
    for (const form of ['hex', 'base64', 'latin1'] as const) assert.ok(!printed.includes(key.toString(form)));
    assert.ok(!provider.keyId.includes(key.toString('hex').slice(0, 16)));
  });
});
