import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

/** What a registry answers: a path, and its content. */
export type RegistryFiles = ReadonlyMap<string, { type: string; content: Buffer }>;

const padding = 5_000_000;

/** One package, as the registry of npm gives it out at `origin`: `standin-sample` 1.0.0, which exports a greeting. */
export function npmRegistry(origin: string, greeting: string): RegistryFiles {
  const directory = temporaryDirectory('npm-package');
  try {
    const folder = join(directory.path, 'package');
    mkdirSync(folder);
    const manifest = { name: 'standin-sample', version: '1.0.0', main: 'index.js' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'index.js'), `module.exports = ${JSON.stringify(greeting)};\n`);
    writeFileSync(join(folder, 'data.bin'), randomBytes(padding));
    const file = join(directory.path, 'package.tgz');
    execFileSync('tar', ['-czf', file, '-C', directory.path, 'package']);
    const content = readFileSync(file);
    const path = '/standin-sample/-/standin-sample-1.0.0.tgz';
    const dist = {
      tarball: origin + path,
      integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
      shasum: createHash('sha1').update(content).digest('hex'),
    };
    const document = {
      name: manifest.name,
      'dist-tags': { latest: manifest.version },
      versions: { [manifest.version]: { ...manifest, dist } },
    };
    return new Map([
      ['/standin-sample', { type: 'application/json', content: Buffer.from(JSON.stringify(document)) }],
      [path, { type: 'application/octet-stream', content }],
    ]);
  } finally {
    directory.remove();
  }
}

/** One package, as the index of Python gives it out: `standin_sample` 1.0.0, a module with a greeting. */
export function pythonIndex(python: string, greeting: string): RegistryFiles {
  const directory = temporaryDirectory('python-package');
  try {
    const name = 'standin_sample-1.0.0';
    const info = join(directory.path, `${name}.dist-info`);
    mkdirSync(info);
    const module = `GREETING = ${JSON.stringify(greeting)}\n`;
    writeFileSync(join(directory.path, 'standin_sample.py'), module);
    writeFileSync(join(directory.path, 'standin_sample.bin'), randomBytes(padding));
    writeFileSync(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: standin-sample\nVersion: 1.0.0\n');
    writeFileSync(join(info, 'WHEEL'), 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n');
    const packed = ['standin_sample.py', 'standin_sample.bin', `${name}.dist-info`];
    writeFileSync(
      join(info, 'RECORD'),
      [
        'standin_sample.py',
        'standin_sample.bin',
        ...['METADATA', 'WHEEL', 'RECORD'].map((each) => `${name}.dist-info/${each}`),
      ]
        .map((each) => `${each},,\n`)
        .join(''),
    );
    const wheel = `${name}-py3-none-any.whl`;
    execFileSync(python, ['-m', 'zipfile', '-c', wheel, ...packed], { cwd: directory.path });
    const content = readFileSync(join(directory.path, wheel));
    const digest = createHash('sha256').update(content).digest('hex');
    const page = `<!DOCTYPE html><html><body><a href="/files/${wheel}#sha256=${digest}">${wheel}</a></body></html>`;
    return new Map([
      ['/simple/standin-sample/', { type: 'text/html', content: Buffer.from(page) }],
      [`/files/${wheel}`, { type: 'application/octet-stream', content }],
    ]);
  } finally {
    directory.remove();
  }
}
