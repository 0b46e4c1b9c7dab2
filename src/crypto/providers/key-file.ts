import { randomBytes } from 'node:crypto';
import { constants, link, open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartupError } from '../../errors.ts';

const keyLength = 32;

/** The 32 bytes of the key file, in a buffer that the caller wipes. See `openLocalKeyProvider`. */
export async function readOrCreateKeyFile(options: { path: string; mayCreate: boolean }): Promise<Buffer> {
  const { path, mayCreate } = options;
  const existing = await readKeyFile(path);
  if (existing !== null) return existing;
  if (!mayCreate) {
    throw new StartupError(
      `key file ${path} is missing, but the database holds values encrypted under it: restore it from your backup`,
    );
  }
  await createKeyFile(path).catch((error: unknown) => {
    throw unusable(path, 'cannot be written', error);
  });
  const created = await readKeyFile(path);
  if (created === null) throw new StartupError(`key file ${path} vanished while it was being made: start again`);
  return created;
}

async function readKeyFile(path: string): Promise<Buffer | null> {
  let file: FileHandle;
  try {
    // O_NONBLOCK: a FIFO in its place must be refused, not waited for.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unusable(path, 'cannot be read', error);
  }
  try {
    const { uid, mode, size } = await file.stat().then((stat) => {
      if (!stat.isFile()) throw new StartupError(`key file ${path} is not a file: remove what is in its place`);
      return stat;
    });
    const user = process.geteuid?.();
    if (user !== undefined && uid !== user) {
      throw new StartupError(`key file ${path} belongs to user ${uid}, not to ${user}: run chown ${user} on it`);
    }
    if ((mode & 0o077) !== 0) {
      throw new StartupError(`key file ${path} can be used by other users: run chmod 600 on it`);
    }
    const key = Buffer.alloc(keyLength);
    const { bytesRead } = await file.read(key, 0, keyLength, 0);
    if (size === keyLength && bytesRead === keyLength) return key;
    key.fill(0);
    throw new StartupError(
      `key file ${path} is damaged (${size} bytes, not ${keyLength}): restore it from your backup`,
    );
  } finally {
    await file.close();
  }
}

/**
 * Makes the file whole or not at all, and never over another: written and flushed under a name of its own, then linked,
 * which fails where somebody else was first (theirs is then the key).
 */
async function createKeyFile(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const key = randomBytes(keyLength);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
    await link(temporary, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    key.fill(0);
    await file.close();
    await unlink(temporary);
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function unusable(path: string, what: string, error: unknown): StartupError {
  return new StartupError(
    `key file ${path} ${what} (${codeOf(error)}): give the user that runs standin access to ${dirname(path)}`,
    { cause: error },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
