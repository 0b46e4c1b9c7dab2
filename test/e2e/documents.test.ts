import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { providerDocuments, variableOf } from '../../scripts/docs/provider-pages.ts';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { catalogue } from '../../src/vault/providers/catalogue.ts';
import { makeAuthority } from '../support/certificates.ts';
import { blocksOf, commandsOf, documentPaths } from '../support/document-blocks.ts';
import type { DocumentBlock } from '../support/document-blocks.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { sized } from '../support/replies.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import type { TlsUpstream } from '../support/tls-upstream.ts';

/**
 * Runs the commands of every document, in their order and in one shell, against a real server of its own. Upstreams are
 * local ones under the names that the documents use. A block that says what it needs (`needs=…`) is judged by
 * `test/unit/docs/blocks.test.ts` instead.
 */
const bin = fileURLToPath(new URL('../../bin', import.meta.url));
const documents = documentPaths
  .map((path) => ({ path, blocks: blocksOf(path).filter(isRun) }))
  .filter(({ blocks }) => blocks.length > 0);

/** What a document takes for granted. */
const taken: Record<string, string> = {
  'AGENTS.md': 'standin secret create crm --host crm.example.com --auth bearer --from-env CRM_TOKEN\n',
  'docs/cli.md': `printf 'ANTHROPIC_API_KEY=%s\\nPORT=8080\\n' "$ANTHROPIC_API_KEY" > .env\n`,
  'docs/explain.md': `standin secret create openai --provider openai --from-env OPENAI_API_KEY
standin run -s OPENAI_API_KEY=openai -- sh -c \
  'curl -sS https://api.openai.com/v1/models -H "Authorization: Bearer $OPENAI_API_KEY"'
`,
  'docs/external-sandboxes.md':
    'standin secret create anthropic-prod --provider anthropic --from-env ANTHROPIC_API_KEY\n',
};

/** What a person has in the environment. None of it may be seen in a sandbox. */
const values = {
  ANTHROPIC_API_KEY: `sk-ant-api03-${'real'.repeat(23)}AAA`,
  NEW_ANTHROPIC_API_KEY: `sk-ant-api03-${'next'.repeat(23)}AAA`,
  OPENAI_API_KEY: `sk-proj-${'real'.repeat(39)}`,
  CRM_TOKEN: 'real-crm-token-1',
  REGISTRY_PASSWORD: 'real-registry-password',
  FORGE_TOKEN: 'real-forge-token-1',
};

const hosts = [
  'api.anthropic.com', 'api.example.com', 'example.com', 'crm.example.com', 'hooks.example.com',
  ...[...catalogue.values()].flatMap(({ rules }) => rules.flatMap((rule) => rule.hosts)),
]; // prettier-ignore

interface Scene {
  server: StandinServer;
  client: Client;
  upstream: TlsUpstream;
  /** Runs a script in the reader's shell: all that it wrote, or an error that shows it. */
  shell: (script: string) => Promise<string>;
}

const skip = skipWithout('bwrap', 'curl', 'jq', 'sqlite3', 'keytool');

describe('the commands of the documents', { skip, concurrency: 2 }, () => {
  for (const { path, blocks } of documents) {
    it(`of ${path} do what it says`, { timeout: 120_000 }, () =>
      withScene(async (scene) => {
        const output = await scene.shell((taken[path] ?? '') + blocks.map(scriptOf).join(''));
        for (const block of blocks) assertShown(block, outputOf(output, block), scene);
        for (const value of Object.values(values)) assert.ok(!output.includes(value), 'no value is printed');
      }),
    );
  }

  it('of every provider page put its key where the vendor takes it', { timeout: 120_000 }, () =>
    withScene(async ({ shell, upstream, client }) => {
      // As many to a sandbox as it may bind. A variable that several pages use is bound for the last of them.
      const bound = new Map<string, string>();
      const calls = new Map<string, string>();
      for (const [name, text] of providerDocuments()) {
        const script = blocksOf(name, text)
          .map(({ content }) => content)
          .join('');
        const variable = variableOf(name);
        const [, create = '', secret = '', call = ''] =
          /^(standin secret create .*)\nstandin run -s [A-Za-z_]+=(\S+) -- sh -c '([^']*)'\n$/.exec(script) ?? [];
        assert.equal(create, `standin secret create ${secret} --provider ${name} --from-env ${variable}`);
        await client.secrets.create({ name: secret, provider: name, value: realValue(name) });
        bound.set(variable, name);
        const quiet = call.replace('curl -sS', `curl -sS -o /dev/null -w '%{http_code}\\n'`);
        calls.set(name, `echo "@@ ${name}"\n${quiet}\n`);
      }
      let output = '';
      for (let rest = [...bound]; rest.length > 0; rest = rest.slice(mostSecrets)) {
        const some = rest.slice(0, mostSecrets);
        const secrets = some.map(([variable, name]) => `-s ${variable}=${name}-key`).join(' ');
        const lines = some.map(([, name]) => calls.get(name)).join('');
        output += await shell(`cat > calls.sh <<'END'\n${lines}END\nstandin run ${secrets} -- sh calls.sh\n`);
      }
      const received = upstream.receivedText();
      const basic = [...received.matchAll(/basic (\S+)/gi)].map(([, text = '']) =>
        Buffer.from(text, 'base64').toString(),
      );
      const arrived = `${received}${basic.join('\n')}`;
      for (const name of bound.values()) {
        assert.ok(output.includes(`@@ ${name}\n200\n`), `${name}: ${output}`);
        assert.ok(arrived.includes(realValue(name)), `${name}: its value arrived`);
      }
    }),
  );
});

/** Of one sandbox. */
const mostSecrets = 64;

const realValue = (provider: string) => `real-${provider}-value`;

function isRun({ language, needs }: DocumentBlock): boolean {
  return needs === null && (language === 'sh' || language === 'console');
}

const markOf = ({ path, line }: DocumentBlock, part: number) => `@@ ${path}:${line}:${part}`;

function scriptOf(block: DocumentBlock): string {
  return commandsOf(block)
    .map(({ command }, part) => `echo '${markOf(block, part)}'\n${command}`)
    .join('');
}

/** What each of the block's commands wrote. */
function outputOf(output: string, block: DocumentBlock): string[] {
  return commandsOf(block).map((_, part) => {
    const mark = `${markOf(block, part)}\n`;
    const start = output.indexOf(mark);
    assert.ok(start >= 0, `${mark.trim()} was reached`);
    return output.slice(start + mark.length).split('\n@@ ')[0] ?? '';
  });
}

/** Each line that a session shows was written, whatever ids, times and paths it has. */
function assertShown(block: DocumentBlock, written: readonly string[], { server }: Scene): void {
  for (const [part, { shown }] of commandsOf(block).entries()) {
    const lines = new Set((written[part] ?? '').split('\n').map((line) => masked(line, server.dataDir)));
    for (const line of shown) {
      assert.ok(
        lines.has(masked(line, '/home/you/.local/share/standin')),
        `${block.path}:${block.line} shows a line that was not written:\n${line}\n--- written:\n${written[part] ?? ''}`,
      );
    }
  }
}

/** A line without what differs from run to run. */
function masked(line: string, dataDir: string): string {
  return line
    .replaceAll(dataDir, 'DATA')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replaceAll(/standin[0-9A-Za-z_-]{25,}/g, 'STANDIN')
    .replaceAll(/\d{4}-\d\d-\d\d[ T][\d:.]+Z/g, 'TIME')
    .replaceAll(/\d+/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

async function withScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory('documents');
  const authority = makeAuthority();
  const upstream = await startTlsUpstream({
    certificate: authority.issue(hosts),
    respond: () => sized(200, '{"data":[]}\n', { 'Content-Type': 'application/json' }),
  });
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, authority.certPem);
  const connectTo = [...new Set(hosts)].map((host) => `${host}:443:127.0.0.1:${upstream.port}`);
  let server: StandinServer | undefined;
  try {
    server = await startStandin({
      env: {
        // The first start makes the key, and leaves it where the command line finds it.
        STANDIN_BOOTSTRAP_API_KEY: '',
        STANDIN_EGRESS_CONNECT_TO: connectTo.join(','),
        STANDIN_EGRESS_CA_FILE: rootFile,
        STANDIN_DATAPLANE_LISTEN: '127.0.0.1:0',
      },
    });
    const reader = { server, home: join(directory.path, 'home'), work: join(directory.path, 'work') };
    mkdirSync(reader.home);
    mkdirSync(reader.work);
    const first: { api_key: string } = JSON.parse(readFileSync(join(server.dataDir, 'cli.json'), 'utf8'));
    const client = createClient({ baseUrl: server.url, apiKey: first.api_key });
    await test({ server, client, upstream, shell: (script) => inShell(script, reader) });
  } finally {
    await server?.stop();
    await upstream.stop();
    directory.remove();
  }
}

async function inShell(
  script: string,
  { server, home, work }: { server: StandinServer; home: string; work: string },
): Promise<string> {
  const proxy = `127.0.0.1:${server.proxyPort}`;
  const here = script
    .replaceAll('http://127.0.0.1:8787', server.url)
    .replaceAll(/(?:10\.0\.0\.10|127\.0\.0\.1):8788/g, proxy);
  const { code, stdout } = await runProgram('bash', ['-c', `set -euo pipefail\nexec 2>&1\n${here}`], {
    cwd: work,
    env: {
      ...values,
      PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      STANDIN_DATA_DIR: server.dataDir,
      STANDIN_API_LISTEN: server.url.replace('http://', ''),
      STANDIN_PROXY_LISTEN: proxy,
    },
  });
  assert.equal(code, 0, `the shell ended with ${String(code)} after:\n${stdout.slice(-3000)}`);
  return stdout;
}
