import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { skipWithout } from '../support/processes.ts';
import { cached, clientFile, noPython, pythonProgram } from './languages.ts';

const host = 'api.example.com';
const value = 'real-version-value-0123456789abcdef';

interface Program {
  name: string;
  /** What is spoken with the proxy, where the program can tell. */
  version: string | null;
  run: (sandbox: ClientSandbox, env: Record<string, string>) => Promise<string>;
  skip: string | false;
}

const go =
  (env: Record<string, string>): Program['run'] =>
  async (sandbox, base) => {
    const binary = join(sandbox.home, 'go-http2');
    const built = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' };
    execFileSync('go', ['build', '-o', binary, '.'], { cwd: clientFile('http2'), env: built });
    return await sandbox.run(binary, [], { ...base, ...env });
  };

/** Java has Basic switched off for tunnels. */
const javaOptions = ['-Djdk.http.auth.tunneling.disabledSchemes=', '-XX:TieredStopAtLevel=1'];

const programs: readonly Program[] = [
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
const programsAtHand = existsSync(reqwest)
  ? [
      ...programs,
      ...[{}, { HTTP2: '1' }].map((more): Program => ({
        name: 'HTTP2' in more ? 'reqwest of Rust, HTTP/2 alone' : 'reqwest of Rust',
        version: 'HTTP2' in more ? '2' : '1.1',
        run: (sandbox, env) => sandbox.run(reqwest, [], { ...env, ...more }),
        skip: false,
      })),
    ]
  : programs;

describe('both versions of HTTP, as clients speak them', () => {
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: ClientSandbox;

  before(async () => {
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([host]));
      return { [host]: upstream.port };
    });
    const { client } = rig.server;
    await client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [host] });
    sandbox = await clientSandbox(client, { name: 'versions', secrets: { KEY: 'key' } });
  });

  after(async () => {
    sandbox?.remove();
    await rig?.stop();
    await upstream?.stop();
  });

  for (const { name, version, run, skip } of programsAtHand) {
    test(`${name}: calls, an upload, and 50 calls at once carry the value`, { skip }, async () => {
      const from = upstream.requests.length;
      const result: unknown = JSON.parse(await run(sandbox, { BASE: `https://${host}` }));
      const returned = `Bearer ${sandbox.standIn('KEY')}`;
      const expected = { returned, length: '1000000', many: 50 };
      assert.deepEqual(result, version === null ? expected : { ...expected, version });
      const came = upstream.requests.slice(from);
      assert.equal(came.length, 52);
      assert.ok(came.every(({ authorization }) => authorization === `Bearer ${value}`));
    });
  }
});
