import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { zipOf } from '../../../src/api/zip.ts';
import type { Files } from '../../../src/api/zip.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const directory = temporaryDirectory('zip');
after(() => directory.remove());

interface File {
  path: string;
  size: number;
  content: Readable;
}

function filesOf(entries: Iterable<File>): Files {
  const none = () => Promise.reject(new Error('none'));
  async function* walk() {
    for (const entry of entries)
      yield await Promise.resolve({ ...entry, isDirectory: false, modified: 1, mode: 0o644 });
  }
  return { read: none, write: none, list: none, walk };
}

test('a file arrives whole, whatever size it was said to have and in whatever pieces it comes', async () => {
  const sizes = [0, 1, 511, 512, 513, 514, 1025, 100_000];
  const contents = new Map<string, Buffer>();
  const entries = sizes.flatMap((stated) =>
    sizes.map((size) => {
      const content = Buffer.alloc(size, `${stated}/${size} `);
      contents.set(`d/${stated}-${size}`, content);
      const pieces = [content.subarray(0, 300), content.subarray(300)].filter(({ length }) => length > 0);
      return { path: `${stated}-${size}`, size: stated, content: Readable.from(pieces, { objectMode: false }) };
    }),
  );
  const file = join(directory.path, 'sizes.zip');
  writeFileSync(file, await buffer(await zipOf(filesOf(entries), { path: '/d', top: 'd' })));
  const read = `import zipfile, sys, json
z = zipfile.ZipFile(sys.argv[1])
print(json.dumps({n: z.read(n).hex() for n in z.namelist() if not n.endswith('/')}))`;
  const found: unknown = JSON.parse(execFileSync('python3', ['-c', read, file], { maxBuffer: 1 << 26 }).toString());
  assert.deepEqual(found, Object.fromEntries([...contents].map(([name, content]) => [name, content.toString('hex')])));
});

test('no more is read than whoever downloads it takes', async () => {
  let taken = 0;
  function* many() {
    for (; taken < 50_000; taken++)
      yield { path: String(taken), size: 400, content: Readable.from([Buffer.alloc(400)]) };
  }
  const zip = await zipOf(filesOf(many()), { path: '/', top: '' });
  await once(zip, 'readable');
  let before = -1;
  while (before !== taken) {
    before = taken;
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  }
  assert.ok(taken < 1000, `${taken} files were read`);
  zip.destroy();
});

test('a file that cannot be read to its end, small or large, leaves a zip without one', async () => {
  for (const size of [10, 10_000]) {
    const content = new PassThrough();
    content.write('begun');
    const zip = await zipOf(filesOf([{ path: 'x', size, content }]), { path: '/', top: '' });
    const rejected = assert.rejects(buffer(zip), /gone/);
    content.destroy(new Error('gone'));
    await rejected;
  }
});
