import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeAuthority } from '../support/certificates.ts';
import { runProgram } from '../support/processes.ts';
import { sized } from '../support/replies.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import type { TlsUpstream } from '../support/tls-upstream.ts';

/**
 * Programs with the names of the five agents, installed as their vendors install them. Each sends its key where its
 * vendor's API is, and says what came back; the upstream there knows the real keys alone.
 */
const binary = fileURLToPath(new URL('../../bin/standin', import.meta.url));
const directory = temporaryDirectory('agents');
const home = join(directory.path, 'home');
const cwd = join(directory.path, 'project');
const realKeys = {
  anthropic: `sk-ant-api03-${'r'.repeat(95)}`,
  openai: `sk-proj-${'r'.repeat(156)}`,
  gemini: `AIza${'r'.repeat(35)}`,
};
const hosts = ['api.anthropic.com', 'api.openai.com', 'generativelanguage.googleapis.com'];
let upstream: TlsUpstream;
let server: StandinServer;

before(async () => {
  const authority = makeAuthority();
  upstream = await startTlsUpstream({ certificate: authority.issue(hosts), respond: () => sized(200, 'answered') });
  const caFile = join(directory.path, 'upstream.pem');
  writeFileSync(caFile, authority.certPem);
  server = await startStandin({
    env: {
      STANDIN_EGRESS_CA_FILE: caFile,
      STANDIN_EGRESS_CONNECT_TO: hosts.map((host) => `${host}:443:127.0.0.1:${upstream.port}`).join(','),
    },
  });
  for (const [provider, value] of Object.entries(realKeys)) {
    await server.client.secrets.create({ name: `${provider}-prod`, value, provider });
  }
  mkdirSync(cwd, { recursive: true });
  installAgents();
});
beforeEach(() => void upstream.requests.splice(0));
after(async () => {
  await server.stop();
  await upstream.stop();
  directory.remove();
});

function standin(args: string[], env: Record<string, string> = {}) {
  return runProgram(binary, args, {
    cwd,
    env: {
      PATH: `${join(home, 'npm/bin')}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      STANDIN_URL: server.url,
      STANDIN_API_KEY: server.apiKey,
      ...env,
    },
  });
}

function file(path: string, text: string, mode = 0o755): string {
  const place = join(home, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, text, { mode });
  return place;
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  symlinkSync(target, join(home, path));
}

const askFrom = (host: string, { header, variable }: { header: string; variable: string }) => `
import { request } from 'node:https';
import { existsSync, readFileSync } from 'node:fs';
const [name, prefix = ''] = ${JSON.stringify(header)}.split(': ');
const key = process.env[${JSON.stringify(variable)}] ?? '';
console.log('args', process.argv.slice(2).join(' '));
console.log('key', key);
console.log('config', process.env.CLAUDE_CONFIG_DIR ?? process.env.CODEX_HOME ?? '');
for (const path of (process.env.SHOW ?? '').split(',').filter(Boolean)) {
  console.log(path, existsSync(path) ? readFileSync(path, 'utf8') : 'not there');
}
request({ host: ${JSON.stringify(host)}, path: '/', headers: { [name]: prefix + key } }, (response) => {
  response.on('data', (data) => console.log('upstream', String(data)));
  response.on('end', () => process.exit(7));
}).end();
`;

/** npm's way, with and without what it depends on beside it; a vendor's own installer; uv's. */
function installAgents(): void {
  const packages = 'npm/lib/node_modules';
  const claude = askFrom('api.anthropic.com', { header: 'x-api-key', variable: 'ANTHROPIC_API_KEY' });
  file(`${packages}/@anthropic-ai/claude-code/cli.mjs`, `#!/usr/bin/env node${claude}`);
  file(`${packages}/@anthropic-ai/claude-code/package.json`, '{}', 0o644);
  link('npm/bin/claude', `../lib/node_modules/@anthropic-ai/claude-code/cli.mjs`);
  file(`${packages}/@openai/codex/bin/codex.mjs`, "#!/usr/bin/env node\nawait import('codex-core');\n");
  file(`${packages}/@openai/codex/package.json`, '{"dependencies":{"codex-core":"1"}}', 0o644);
  file(`${packages}/codex-core/package.json`, '{"exports":"./index.mjs"}', 0o644);
  const codex = askFrom('api.openai.com', { header: 'authorization: Bearer ', variable: 'OPENAI_API_KEY' });
  file(`${packages}/codex-core/index.mjs`, codex, 0o644);
  link('npm/bin/codex', '../lib/node_modules/@openai/codex/bin/codex.mjs');
  file(
    'npm/bin/gemini',
    `#!/bin/sh\ncurl -sS https://generativelanguage.googleapis.com/ -H "x-goog-api-key: $GEMINI_API_KEY"; cat ~/.gemini/settings.json\n`,
  );
  file('.opencode/bin/opencode', `#!/bin/sh\nenv | grep -c '^\\(ANTHROPIC\\|OPENAI\\|GEMINI\\)_API_KEY=.*standin'\n`);
  file('.local/share/uv/tools/aider-chat/pyvenv.cfg', 'home = /usr/bin\n', 0o644);
  link('.local/share/uv/tools/aider-chat/bin/python', '/usr/bin/python3');
  const python = join(home, '.local/share/uv/tools/aider-chat/bin/python');
  file(
    '.local/share/uv/tools/aider-chat/bin/aider',
    `#!${python}\nimport sys, os\nprint(sys.prefix); print(os.environ["ANTHROPIC_API_KEY"][:20], os.environ["AIDER_ANALYTICS"])\n`,
  );
}

test('an agent of npm is found, gets its key as a stand-in, and the upstream sees the real one', async () => {
  const { code, stdout, stderr } = await standin(['run', 'claude', '-p', 'say hello', '--json']);
  assert.equal(code, 7, stderr);
  assert.match(stdout, /^args -p say hello --json$/m, 'its words are its own');
  assert.match(stdout, /^key sk-ant-api03-standin/m);
  assert.match(stdout, /^config \/home\/user\/\.claude$/m);
  assert.match(stdout, /^upstream answered$/m);
  assert.equal(upstream.receivedText().includes(realKeys.anthropic), true);
  assert.equal(stdout.includes(realKeys.anthropic), false);
  assert.deepEqual(await server.client.sandboxes.list(), []);
});

test('it is told that it may use the key, so that it asks for no login', async () => {
  const { stdout } = await standin(['run', '-e', 'SHOW=/home/user/.claude/.claude.json', 'claude']);
  const [, key = ''] = /^key (.*)$/m.exec(stdout) ?? [];
  assert.match(stdout, new RegExp(`"approved": \\[\\s*"${key.slice(-20)}"`));
  assert.match(stdout, /"hasCompletedOnboarding": true/);
});

test('an agent whose packages lie beside it sees them', async () => {
  const { code, stdout, stderr } = await standin(['run', '-e', 'SHOW=/home/user/.codex/auth.json', 'codex', 'exec']);
  assert.equal(code, 7, stderr);
  assert.match(stdout, /^args exec$/m);
  assert.match(stdout, /"OPENAI_API_KEY": "sk-proj-standin/);
  assert.match(stdout, /^upstream answered$/m);
});

test('an agent that is one file, and one of a vendor’s own installer that is on no path', async () => {
  const gemini = await standin(['run', 'gemini']);
  assert.match(gemini.stdout, /^answered\{/, gemini.stderr);
  assert.match(gemini.stdout, /"selectedType": "gemini-api-key"/);
  const opencode = await standin(['run', 'opencode']);
  assert.equal(opencode.stdout, '3\n', 'each key that it can work with');
});

test('an agent of uv runs on its own environment', async () => {
  const { code, stdout, stderr } = await standin(['run', 'aider']);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${join(home, '.local/share/uv/tools/aider-chat')}\nsk-ant-api03-standin false\n`);
});

test('nothing else of the home is seen, and what is mounted is read-only', async () => {
  file('.claude/.credentials.json', '{"token":"x"}', 0o600);
  const line = `ls '${home}/.claude' 2>&1; (echo x > '${home}/npm/lib/node_modules/@anthropic-ai/claude-code/cli.mjs') 2>&1; ls '${home}'`;
  file(
    'npm/lib/node_modules/@anthropic-ai/claude-code/look.mjs',
    `import {execSync} from 'node:child_process';console.log(execSync(${JSON.stringify(line)},{shell:'/bin/sh'}).toString())`,
    0o644,
  );
  file('npm/lib/node_modules/@anthropic-ai/claude-code/peek.mjs', "#!/usr/bin/env node\nimport './look.mjs';\n");
  link('peek/claude', '../npm/lib/node_modules/@anthropic-ai/claude-code/peek.mjs');
  const { stdout, stderr } = await standin(['run', 'claude'], { PATH: `${join(home, 'peek')}:/usr/bin:/bin` });
  assert.match(stdout, /No such file/, stderr);
  assert.match(stdout, /Read-only file system/);
  assert.match(stdout, /\nnpm\n\n$/);
});

test('--with-config copies what the agent is told, without what looks like a credential', async () => {
  file('.claude/CLAUDE.md', 'be kind', 0o644);
  file('.claude/settings.json', '{"model":"opus"}', 0o644);
  file('.claude/agents/leaky.md', `use ${realKeys.anthropic}`, 0o644);
  const show = ['CLAUDE.md', 'settings.json', 'agents/leaky.md', '.credentials.json'].map(
    (each) => `/home/user/.claude/${each}`,
  );
  const { stdout, stderr } = await standin(['run', '--with-config', '-e', `SHOW=${show.join(',')}`, 'claude']);
  assert.match(stdout, /CLAUDE\.md be kind/, stderr);
  assert.match(stdout, /settings\.json \{"model":"opus"\}/);
  assert.match(stdout, /leaky\.md not there/);
  assert.match(stdout, /credentials\.json not there/);
  assert.match(stderr, /warning: .*leaky\.md was not copied/);
  assert.equal((stdout + stderr).includes(realKeys.anthropic), false);
});

test('which key is asked where there are several, and where none is the answer is how to store one', async () => {
  await server.client.secrets.create({ name: 'anthropic-dev', value: realKeys.anthropic, provider: 'anthropic' });
  try {
    const several = await standin(['run', 'claude']);
    assert.equal(several.code, 2);
    assert.match(
      several.stderr,
      /anthropic-(dev|prod), anthropic-(dev|prod); say which: -s ANTHROPIC_API_KEY=anthropic-/,
    );
    assert.equal((await standin(['run', '-s', 'ANTHROPIC_API_KEY=anthropic-dev', 'claude'])).code, 7);
  } finally {
    await server.client.secrets.remove('anthropic-dev');
  }
  await server.client.secrets.remove('gemini-prod');
  const none = await standin(['run', 'gemini']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /none is stored; store one with `standin secret create gemini --provider gemini`/);
});

test('an agent that is not installed is answered with the command that installs it', async () => {
  const { code, stderr } = await standin(['run', 'codex'], { PATH: '/usr/bin:/bin', HOME: directory.path });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: Codex CLI is not installed on this machine; install it: npm install -g @openai\/codex\n$/,
  );
});

test('--plain runs the name as any other command', async () => {
  const { code } = await standin(['run', '--plain', 'claude'], { PATH: '/usr/bin:/bin' });
  assert.equal(code, 127);
});

test('a project’s file says what is bound, mounted and set; options win over it; it is agreed to first', async () => {
  writeFileSync(
    join(cwd, '.standin.yaml'),
    'secrets: { ONE: anthropic-prod, TWO: openai-prod }\nenv: { A: file, B: file }\ntimeout: 60\nnetwork: { allow_out: [api.anthropic.com] }\n',
  );
  const line = 'echo "$ONE" "$TWO" "$A" "$B"';
  const refused = await standin(['run', '--', 'sh', '-c', line]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /has not been agreed to/);
  const words = ['-s', 'TWO=anthropic-prod', '-e', 'B=option', '--', 'sh', '-c', line];
  const used = await standin(['run', '--trust', ...words]);
  assert.match(used.stdout, /^sk-ant-api03-standin\S+ sk-ant-api03-standin\S+ file option\n$/, used.stderr);
  assert.match((await standin(['run', ...words])).stdout, /file option/, 'it is remembered');
  const without = await standin(['run', '--no-project', '--', 'sh', '-c', line]);
  assert.equal(without.stdout.trim(), '');
  const asJson = await standin(['run', '--json', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
  assert.equal(asJson.code, 3);
  const { sandbox_id: _, ...rest } = JSON.parse(asJson.stdout);
  assert.deepEqual(rest, { exit_code: 3, stdout: 'out\n', stderr: 'err\n' });
});
