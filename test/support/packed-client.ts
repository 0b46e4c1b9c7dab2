import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The compiler of this repository. */
export const compiler = join(root, 'node_modules/.bin/tsc');

/** An empty directory into which the package was installed as anybody would, from its tarball. */
export interface PackedClient {
  /** Its `node_modules` has `standin`, and what that depends on. */
  path: string;
  /** The names of the files in the tarball. */
  files: string[];
  remove(): void;
}

/** Builds, packs and installs the package as it is now, apart from the `dist/` that may be here. */
export async function packClient(): Promise<PackedClient> {
  const directory = temporaryDirectory('packed');
  const source = join(directory.path, 'source');
  const target = join(directory.path, 'target');
  mkdirSync(source);
  mkdirSync(target);
  for (const name of ['package.json', 'openapi.json', 'bin', 'README.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE']) {
    cpSync(join(root, name), join(source, name), { recursive: true });
  }
  await build(join(source, 'dist'));
  const packed = await done('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', target], source);
  const [tarball]: { filename: string; files: { path: string }[] }[] = JSON.parse(packed);
  if (tarball === undefined) throw new Error('npm pack made nothing');
  writeFileSync(join(target, 'package.json'), JSON.stringify({ name: 'somebody', private: true, type: 'module' }));
  const options = ['--ignore-scripts', '--omit=optional', '--prefer-offline', '--no-audit', '--no-fund', '--no-save'];
  await done('npm', ['install', ...options, join(target, tarball.filename)], target);
  return { path: target, files: tarball.files.map(({ path }) => path), remove: () => directory.remove() };
}

/** What `npm run build` makes, elsewhere. */
export async function build(folder: string): Promise<void> {
  await done(compiler, ['-p', join(root, 'tsconfig.build.json'), '--outDir', folder], root);
}

/** Gives the programs there the types of Node. */
export function addNodeTypes({ path }: PackedClient): void {
  mkdirSync(join(path, 'node_modules/@types'), { recursive: true });
  symlinkSync(join(root, 'node_modules/@types/node'), join(path, 'node_modules/@types/node'));
  symlinkSync(join(root, 'node_modules/undici-types'), join(path, 'node_modules/undici-types'));
}

/** Runs a program to its end and answers its output. Throws with it where the program fails. */
export async function done(command: string, args: string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command, args, { cwd });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}
