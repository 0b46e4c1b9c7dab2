import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { skipWithout } from '../support/processes.ts';
import { cached, clientFile, noPython, pythonProgram } from './languages.ts';

/**
 * A program that asks `$BASE` for `/authorization`, puts a million bytes to `/length`, and asks 50 times at once, with
 * `$KEY` as its bearer; it prints what came of it as JSON.
 */
export interface VersionProgram {
  name: string;
  /** What is spoken where both are offered and HTTP/1.1 preferred; null: the program cannot tell. */
  version: string | null;
  run: (sandbox: ClientSandbox, env: Record<string, string>) => Promise<string>;
  skip: string | false;
}

const go =
  (env: Record<string, string>): VersionProgram['run'] =>
  async (sandbox, base) => {
    const binary = join(sandbox.home, 'go-http2');
    const built = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' };
    execFileSync('go', ['build', '-o', binary, '.'], { cwd: clientFile('http2'), env: built });
    return await sandbox.run(binary, [], { ...base, ...env });
  };

/** Java has Basic switched off for tunnels. */
const javaOptions = ['-Djdk.http.auth.tunneling.disabledSchemes=', '-XX:TieredStopAtLevel=1'];

const everywhere: readonly VersionProgram[] = [
  {
    name: 'HttpClient of Java',
    version: '1.1',
    run: (sandbox, env) => sandbox.run('java', [...javaOptions, clientFile('Ask.java')], env),
    skip: skipWithout('java', 'javac'),
  },
  { name: 'net/http of Go', version: '1.1', run: go({}), skip: skipWithout('go') },
  { name: 'net/http of Go, HTTP/2 alone', version: '2', run: go({ HTTP2: '1' }), skip: skipWithout('go') },
  {
    name: 'httpx of Python, HTTP/2 alone',
    version: '2',
    run: (sandbox, env) => sandbox.run(pythonProgram, [clientFile('with_httpx_http2.py')], env),
    skip: noPython,
  },
  {
    name: 'fetch of Node',
    version: null,
    run: (sandbox, env) => sandbox.run(process.execPath, [clientFile('undici.mjs')], env),
    skip: false,
  },
];

/** Built by hand, as its Cargo.toml says: that takes minutes. */
const reqwest = cached('reqwest/release/standin-reqwest');
export const versionPrograms: readonly VersionProgram[] = existsSync(reqwest)
  ? [
      ...everywhere,
      ...[{}, { HTTP2: '1' }].map((more): VersionProgram => ({
        name: 'HTTP2' in more ? 'reqwest of Rust, HTTP/2 alone' : 'reqwest of Rust',
        version: 'HTTP2' in more ? '2' : '1.1',
        run: (sandbox, env) => sandbox.run(reqwest, [], { ...env, ...more }),
        skip: false,
      })),
    ]
  : everywhere;
