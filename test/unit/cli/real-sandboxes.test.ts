import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { runProgram } from '../../support/processes.ts';
import { startCommandLine } from './command-line.ts';

const commandLine = await startCommandLine('cli-sandboxes');
const { server, directory, run: standin } = commandLine;
after(() => commandLine.stop());
before(async () => {
  const stored = await standin(['secret', 'create', 'anthropic-prod', '--provider', 'anthropic', '-'], {
    input: 'sk-ant-real',
  });
  assert.equal(stored.code, 0, stored.stderr);
});

function sandboxes() {
  return server.client.sandboxes.list();
}

test('a sandbox that stays can be used, attached to and deleted from the command line', async () => {
  const created = await standin(['sandbox', 'create', 'agent', '--metadata', 'team=web']);
  const id = created.stdout.trim();
  assert.equal(created.code, 0, created.stderr);
  assert.match((await standin(['sandbox', 'list', '--metadata', 'team=web'])).stdout, /agent/);
  assert.equal((await standin(['sandbox', 'attach', id, 'KEY=anthropic-prod'])).code, 0);
  const exec = await standin(['sandbox', 'exec', id, '--', 'sh', '-c', 'printf %s "$KEY"; exit 4']);
  assert.equal(exec.code, 4);
  assert.match(exec.stdout, /^sk-ant-api03-standin/);
  const asJson = await standin(['sandbox', 'exec', '--json', id, '--', 'sh', '-c', 'echo out; exit 6']);
  assert.equal(asJson.code, 6);
  assert.deepEqual(z.looseObject({}).parse(JSON.parse(asJson.stdout))['stdout'], 'out\n');
  assert.equal((await standin(['sandbox', 'detach', id, 'KEY'])).code, 0);
  assert.match((await standin(['sandbox', 'get', id])).stdout, /^name +agent$/m);
  assert.equal((await standin(['sandbox', 'delete', id])).code, 0);
  assert.equal((await standin(['sandbox', 'get', id])).code, 1);
});

test('what a sandbox may reach, and what of it is opened, goes from the options to the server and back', async () => {
  const out = [
    '--allow-out',
    '*.example.com,203.0.113.0/24',
    '--allow-out',
    'a.example.org',
    '--deny-out',
    '192.0.2.0/24',
  ];
  const opened = ['--intercept', 'bound', '--tunnel-out', 'pinned.example.com,*.vendor.example.com'];
  const created = await standin(['sandbox', 'create', 'closed', '--driver', 'external', ...out, ...opened]);
  assert.equal(created.code, 0, created.stderr);
  const id = created.stdout.trim();
  const { network } = z
    .looseObject({ network: z.unknown() })
    .parse(JSON.parse((await standin(['sandbox', 'get', id, '--json'])).stdout));
  assert.deepEqual(network, {
    allow_out: ['*.example.com', '203.0.113.0/24', 'a.example.org'],
    deny_out: ['192.0.2.0/24'],
    intercept: 'bound',
    tunnel_out: ['pinned.example.com', '*.vendor.example.com'],
  });
  const { stdout } = await standin(['sandbox', 'get', id]);
  assert.match(stdout, /^TLS opened +to the hosts of its secrets$/m);
  assert.match(stdout, /^never opened +pinned\.example\.com, \*\.vendor\.example\.com$/m);
  await standin(['sandbox', 'delete', id]);
  for (const [option, field] of [
    ['--tunnel-out=fine.example.com,192.0.2.1', 'network.tunnel_out.1'],
    ['--allow-out=fine.example.com,', 'network.allow_out.1'],
    ['--deny-out=example.com', 'network.deny_out.0'],
  ] as const) {
    const { code, stderr } = await standin(['run', '--no-mount', option, '--', 'true']);
    assert.equal(code, 1, option);
    assert.match(stderr, new RegExp(`^error: ${field}[^\n]*\n$`));
  }
});

test('sandbox create takes what the project’s file says as run does: once it is agreed to, and options win', async () => {
  const project = join(directory, 'with-file');
  mkdirSync(project);
  const file = 'secrets: { KEY: anthropic-prod }\nenv: { A: file, B: file }\nnetwork: { allow_out: [a.example.com] }\n';
  writeFileSync(join(project, '.standin.yaml'), file);
  const create = (name: string, ...more: string[]) =>
    standin(['sandbox', 'create', name, '--json', ...more], { cwd: project });
  const unread = await create('unread');
  assert.equal(unread.code, 1);
  assert.match(unread.stderr, /has not been agreed to.*--no-project/);
  const plain = await create('plain', '--no-project');
  const first = await create('first', '--trust', '-e', 'B=option');
  const later = await create('later', '--allow-out', 'b.example.com');
  const found = new Map((await sandboxes()).map((each) => [each.name, each]));
  try {
    assert.deepEqual([plain.code, first.code, later.code], [0, 0, 0], first.stderr + later.stderr);
    assert.deepEqual(found.get('plain')?.secrets, []);
    for (const [name, hosts] of [
      ['first', ['a.example.com']],
      ['later', ['b.example.com']],
    ] as const) {
      assert.equal(found.get(name)?.secrets[0]?.secret_name, 'anthropic-prod');
      assert.deepEqual(found.get(name)?.network?.allow_out, hosts);
    }
    const { stdout } = await standin(['sandbox', 'exec', 'first', '--', 'sh', '-c', 'echo $A $B ${KEY%%2*}'], {
      cwd: project,
    });
    assert.match(stdout, /^file option sk-ant-api03-standin/);
  } finally {
    await standin(['sandbox', 'delete', ...found.keys()]);
  }
});

test('--show-env can be read by a shell', async () => {
  const created = await standin([
    'sandbox',
    'create',
    'ci',
    '--driver',
    'external',
    '-s',
    'KEY=anthropic-prod',
    '-e',
    "ODD=it's $HOME",
    '--show-env',
  ]);
  assert.equal(created.code, 0, created.stderr);
  const { stdout } = await runProgram('sh', ['-c', `${created.stdout}\nprintf '%s|%s' "$KEY" "$ODD"`]);
  assert.match(stdout, /^sk-ant-api03-standin[^|]+\|it's \$HOME$/);
  for (const { id } of await sandboxes()) await standin(['sandbox', 'delete', id]);
});
