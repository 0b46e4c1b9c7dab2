import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { runProgram, skipWithout } from '../support/processes.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const document = readFileSync(join(root, 'AGENTS.md'), 'utf8');
// The commands for a user are run by documents.test.ts.
const [, developing = ''] = /^```sh needs=checkout\n([^]*?)^```/m.exec(document) ?? [];
const configurations = readdirSync(join(root, 'docs/agents')).filter((name) => !name.includes('http'));

describe('AGENTS.md', { skip: skipWithout('python3') }, () => {
  let server: StandinServer;
  let env: Record<string, string>;

  before(async () => {
    assert.ok(developing.includes('check:lint'), 'the commands were found');
    server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: 'external' } });
    const path = `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`;
    env = { PATH: path, HOME: server.dataDir, STANDIN_URL: server.url, STANDIN_API_KEY: server.apiKey };
  });

  after(async () => {
    await server?.stop();
  });

  for (const line of developing.split('\n').filter((text) => text !== '')) {
    it(`has a command for a developer that works: ${line}`, async () => {
      const { code, stdout, stderr } = await runProgram('/bin/sh', ['-eu', '-c', line], { cwd: root });
      assert.equal(code, 0, stdout + stderr);
    });
  }

  it('names only scripts that package.json has', () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const named = [...document.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
    assert.deepEqual(
      named.filter((name) => scripts[name] === undefined),
      [],
    );
  });

  for (const name of configurations) {
    it(`docs/agents/${name} starts the server that it configures`, async (t) => {
      const [command, ...args] = await commandOf(name);
      const client = new Client({ name: 'test', version: '1' });
      t.after(() => client.close());
      await client.connect(new StdioClientTransport({ command: command ?? '', args, env }));
      assert.ok((await client.listTools()).tools.length > 10);
    });
  }

  it('docs/agents.md names every tool, and no other', async (t) => {
    const client = new Client({ name: 'test', version: '1' });
    t.after(() => client.close());
    await client.connect(new StdioClientTransport({ command: 'standin', args: ['mcp'], env }));
    const { tools } = await client.listTools();
    const [, table = ''] = readFileSync(join(root, 'docs/agents.md'), 'utf8').split('## Tools');
    const named = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, each = '']) => each);
    assert.deepEqual(named.toSorted(), tools.map(({ name }) => name).toSorted());
  });
});

/** The command line that a configuration has, whatever its form. */
async function commandOf(name: string): Promise<string[]> {
  const file = join(root, 'docs/agents', name);
  const toJson = 'import json,sys,tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], "rb"))))';
  const text = name.endsWith('.toml')
    ? (await runProgram('python3', ['-c', toJson, file])).stdout
    : readFileSync(file, 'utf8');
  const found: { command: string | string[]; args?: string[] }[] = [];
  JSON.parse(text, (key, value: { command: string | string[]; args?: string[] }) => {
    if (key === 'standin') found.push(value);
    return value;
  });
  assert.equal(found.length, 1, text);
  return found.flatMap(({ command, args = [] }) => [command, args].flat());
}
