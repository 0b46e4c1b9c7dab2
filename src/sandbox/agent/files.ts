import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { copyFile, lstat, mkdir, open, opendir, readlink, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { maxChunk } from './protocol.ts';

const entriesAtOnce = 500;
const maxLinks = 40;

export interface Entry {
  name: string;
  isDirectory: boolean;
  size: number;
  /** Seconds since the epoch, whole. */
  modified: number;
}

/** A file or directory of a tree, by its path from the top of it. */
export interface TreeEntry extends Omit<Entry, 'name'> {
  path: string;
  /** The permission bits. */
  mode: number;
  /** Null: a directory. */
  content: AsyncGenerator<Buffer> | null;
}

/** Whatever has bytes from a beginning to an end. `size`: null where only reading tells, as in /proc. */
export async function readFile(path: string): Promise<{ size: number | null; content: AsyncGenerator<Buffer> }> {
  // Without O_NONBLOCK a pipe would wait for its other end.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = await file.stat();
    if (found.isDirectory()) throw failure('EISDIR');
    if (!found.isFile()) throw failure('EINVAL');
    if (found.size > 0) return { size: found.size, content: contentOf(file, found.size) };
    const first = await nextChunk(file, maxChunk);
    if (first.length > 0) return { size: null, content: contentOf(file, Infinity, first) };
    await file.close();
    return { size: 0, content: contentOf(null, 0) };
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** As much as was promised: one that has become shorter since is an error, and what was added is left out. */
async function* contentOf(file: FileHandle | null, size: number, first?: Buffer): AsyncGenerator<Buffer> {
  if (file === null) return;
  let left = size;
  try {
    if (first !== undefined) yield first;
    while (left > 0) {
      const chunk = await nextChunk(file, Math.min(maxChunk, left));
      if (chunk.length === 0) break;
      left -= chunk.length;
      yield chunk;
    }
  } finally {
    await file.close();
  }
  if (left > 0 && left !== Infinity) throw new Error('the file became shorter while it was read');
}

async function nextChunk(file: FileHandle, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, null);
  return buffer.subarray(0, bytesRead);
}

/**
 * Writes a file whole or not at all: beside its place first, then renamed. Parents are made. A link to a file is followed;
 * a file that was there keeps its mode. Answers its size.
 */
export async function writeFile(path: string, content: AsyncIterable<Buffer>): Promise<number> {
  const target = await followLinks(path);
  const found = await stat(target).catch(whereMissing);
  if (found?.isDirectory() === true || path.endsWith('/')) throw failure('EISDIR');
  if (found?.isFile() === false) throw failure('EINVAL');
  await makeDirectory(dirname(target));
  const beside = join(dirname(target), `.standin-${randomBytes(8).toString('hex')}`);
  let file: FileHandle;
  try {
    file = await open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
  } catch (error) {
    // A file may be writable where its directory is not, as one that was mounted by itself.
    if (found === null || !(error instanceof Error && 'code' in error)) throw error;
    if (!['EACCES', 'EPERM', 'EROFS'].includes(String(error.code))) throw error;
    return await fill(await open(target, constants.O_WRONLY | constants.O_TRUNC), content);
  }
  try {
    if (found !== null) await file.chmod(found.mode & 0o777);
    const size = await fill(file, content);
    await replace(beside, target);
    return size;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(beside, { force: true });
    throw error;
  }
}

/** With its parents. Not `recursive` of Node's mkdir, which never ends where a file system has no room for a name, as /proc. */
async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path).then(
    () => null,
    (error: unknown) => error,
  );
  if (made === null) return;
  if (!(made instanceof Error && 'code' in made)) throw made;
  if (made.code === 'EEXIST') {
    if (!(await stat(path)).isDirectory()) throw failure('ENOTDIR');
    return;
  }
  if (made.code !== 'ENOENT') throw made;
  const parent = dirname(path);
  if ((await stat(parent).catch(whereMissing)) !== null) throw failure('EACCES');
  await makeDirectory(parent);
  await mkdir(path).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
}

async function fill(file: FileHandle, content: AsyncIterable<Buffer>): Promise<number> {
  let size = 0;
  try {
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
      size += chunk.length;
    }
  } finally {
    await file.close();
  }
  return size;
}

async function replace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // A file that was mounted by itself cannot be renamed over.
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
    await copyFile(from, to);
    await rm(from, { force: true });
  }
}

/** Where a write to this path ends up, whether or not that is there yet. */
async function followLinks(path: string): Promise<string> {
  let at = path;
  for (let links = 0; links < maxLinks; links++) {
    const found = await lstat(at).catch(whereMissing);
    if (found?.isSymbolicLink() !== true) return at;
    at = resolve(dirname(at), await readlink(at));
  }
  throw failure('ELOOP');
}

/**
 * What is in a directory, some hundreds at a time. A link is what it leads to; one that leads nowhere is a file of no size. Of a
 * name that is not UTF-8 the wrong bytes are shown as U+FFFD, and it cannot be asked for.
 */
export async function* listDirectory(path: string): AsyncGenerator<Entry[]> {
  let entries: Entry[] = [];
  for await (const { name, place } of namesIn(Buffer.from(path))) {
    const found = (await stat(place).catch(() => null)) ?? (await lstat(place).catch(whereMissing));
    // It may have gone meanwhile.
    if (found === null) continue;
    const size = found.isFile() ? found.size : 0;
    entries.push({ name, isDirectory: found.isDirectory(), size, modified: secondsOf(found) });
    if (entries.length < entriesAtOnce) continue;
    yield entries;
    entries = [];
  }
  if (entries.length > 0) yield entries;
}

/** How long the entries of a tree are counted before it is walked through, in milliseconds. */
const countedWithinMs = 5000;

/**
 * Everything below a directory, parents first, without links and what is neither a file nor a directory. One with more than `most`
 * entries is refused before the first, so that nobody is sent half of it; what could not be counted in time is walked through.
 */
export async function* walkTree(path: string, { most }: { most: number }): AsyncGenerator<TreeEntry> {
  const found = await stat(path);
  if (!found.isDirectory()) throw failure('ENOTDIR');
  const until = performance.now() + countedWithinMs;
  let count = 0;
  for await (const _ of below(Buffer.from(path))) {
    if (++count > most) throw failure('E2BIG');
    if (performance.now() > until) break;
  }
  yield* walkBelow(Buffer.from(path), '');
}

async function* below(directory: Buffer): AsyncGenerator<void> {
  for await (const { place, isDirectory } of namesIn(directory)) {
    yield;
    if (isDirectory) yield* skipClosed(below(place));
  }
}

async function* walkBelow(directory: Buffer, before: string): AsyncGenerator<TreeEntry> {
  for await (const { name, place } of namesIn(directory)) {
    const path = `${before}${name}`;
    const found = await lstat(place).catch(whereMissing);
    if (found === null) continue;
    const common = { path, modified: secondsOf(found), mode: found.mode & 0o777 };
    if (found.isDirectory()) {
      yield { ...common, isDirectory: true, size: 0, content: null };
      // One that may not be looked into is there all the same.
      yield* skipClosed(walkBelow(place, `${path}/`));
    } else if (found.isFile()) {
      const content = await openForWalk(place);
      if (content !== null) yield { ...common, isDirectory: false, size: found.size, content };
    }
  }
}

/** It may not be looked into, has gone since, or is something else by now. */
const closed = new Set<unknown>(['EACCES', 'ENOENT', 'ENOTDIR']);

async function* skipClosed<Each>(entries: AsyncGenerator<Each>): AsyncGenerator<Each> {
  try {
    yield* entries;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && closed.has(error.code))) throw error;
  }
}

/** Whatever is in it by the time that it is read. O_NOFOLLOW: it may have become a link since. */
async function openForWalk(place: Buffer): Promise<AsyncGenerator<Buffer> | null> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(place, flags).catch(() => null);
  return file === null ? null : contentOf(file, Infinity);
}

/** By name, as bytes, so that a name that is not UTF-8 leads to its file. */
async function* namesIn(directory: Buffer): AsyncGenerator<{ name: string; place: Buffer; isDirectory: boolean }> {
  // The types of `encoding: 'buffer'` are those of strings.
  const opened = await opendir(directory, { encoding: 'latin1', bufferSize: 256 });
  for await (const entry of opened) {
    const bytes = Buffer.from(entry.name, 'latin1');
    const place = Buffer.concat([directory, Buffer.from('/'), bytes]);
    yield { name: bytes.toString(), place, isDirectory: entry.isDirectory() };
  }
}

function secondsOf({ mtimeMs }: Stats): number {
  return Math.floor(mtimeMs / 1000);
}

function whereMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
