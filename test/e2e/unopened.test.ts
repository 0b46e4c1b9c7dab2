import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client, SandboxWithAccess } from '../../src/client/client.ts';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { RowReader } from '../support/connection-rows.ts';
import { startGitServer } from '../support/git-server.ts';
import type { GitServer } from '../support/git-server.ts';
import { runProgram, skipWithout, waitUntil } from '../support/processes.ts';
import { versionPrograms } from './version-programs.ts';

/** What `intercept: bound` and `tunnel_out` leave closed, as programs see it: the site's own certificate, or ours. */

const bound = 'api.example.com';
const other = 'www.example.org';
const forge = 'git.example.net';
const value = 'real-unopened-value-0123456789abcdef';
const gitPassword = 'a-password-that-the-sandbox-has';
/** curl's exit codes: a certificate that it does not trust, and a handshake that failed. */
const notTrusted = 60;
const sslConnectError = 35;
const standin = fileURLToPath(new URL('../../bin/standin', import.meta.url));

let upstream: BothVersionsUpstream;
let git: GitServer;
let rig: ClientRig;
let client: Client;
let rows: RowReader;
/** PEM of the sites' own authority. */
let siteRoot: string;

before(async () => {
  rig = await startClientRig(async (authority) => {
    siteRoot = authority.certPem;
    upstream = await startBothVersionsUpstream(authority.issue([bound, other]));
    const certificate = authority.issue([forge]);
    git = await startGitServer({ certificate, username: 'agent', password: gitPassword });
    await git.addRepository('project', { 'README.md': 'hello\n' });
    return { [bound]: upstream.port, [other]: upstream.port, [forge]: git.port };
  });
  client = rig.server.client;
  rows = await RowReader.open(rig);
  await client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [bound] });
});

after(async () => {
  await rows?.close();
  await rig?.stop();
  await upstream?.stop();
  await git?.stop();
});

type Network = NonNullable<Parameters<Client['sandboxes']['create']>[0]['network']>;

/** What leaves both the other host and the forge closed, and how a row says so. */
const networks: { network: Network; ruleOf: Record<string, string> }[] = [
  { network: { intercept: 'bound' }, ruleOf: { [other]: 'intercept: bound', [forge]: 'intercept: bound' } },
  {
    network: { tunnel_out: [other, '*.example.net'] },
    ruleOf: { [other]: `tunnel_out: ${other}`, [forge]: 'tunnel_out: *.example.net' },
  },
];

for (const { network, ruleOf } of networks) {
  const skip = skipWithout('bwrap', 'curl', 'git');
  describe(`in a bubblewrap sandbox with ${JSON.stringify(network)}`, { skip }, () => {
    let sandbox: SandboxWithAccess;

    before(async () => {
      const input = { name: 'unopened', driver: 'bubblewrap', network, secrets: { KEY: 'key' } };
      sandbox = await client.sandboxes.create(input);
    });
    after(() => client.sandboxes.remove(sandbox.id));

    /** Runs a line; `$SITE_ROOT` is a file that holds the root of the sites' own certificates. */
    const run = async (line: string) => {
      const command = `cd "$(mktemp -d)" && printf %s "$PEM" >site.pem && export SITE_ROOT="$PWD/site.pem" && { ${line}; }`;
      const {
        exit_code: code,
        stdout,
        stderr,
      } = await client.exec(sandbox, {
        command,
        env: { PEM: siteRoot },
        timeout_s: 60,
      });
      return { code, stdout, stderr };
    };
    const curl = (root: string, host: string) =>
      run(
        `curl -sS --max-time 20 --capath none --cacert "${root}" -H "Authorization: Bearer $KEY" https://${host}/authorization`,
      );
    const answer = () => ({ code: 0, stdout: `Bearer ${sandbox.egress.env['KEY']}`, stderr: '' });

    test('a host of a bound secret shows our certificate, and receives the value', async () => {
      const from = upstream.requests.length;
      assert.deepEqual(await curl('$NODE_EXTRA_CA_CERTS', bound), answer());
      assert.equal((await curl('$SITE_ROOT', bound)).code, notTrusted);
      const came = upstream.requests.slice(from).map(({ authorization }) => authorization);
      assert.deepEqual(came, [`Bearer ${value}`]);
    });

    test('another shows its own, and receives the stand-in as the worthless text that it is', async () => {
      const from = upstream.requests.length;
      assert.deepEqual(await curl('$SITE_ROOT', other), answer());
      assert.equal((await curl('$NODE_EXTRA_CA_CERTS', other)).code, notTrusted);
      const came = upstream.requests.slice(from).map(({ authorization, version }) => [authorization, version]);
      // The proxy would have taken HTTP/1.1: it was curl and the site that agreed on the version.
      assert.deepEqual(came, [[answer().stdout, '2.0']]);
    });

    test('git clones from a forge that is not opened and pushes to it, with a password of its own', async () => {
      const file = `pushed-${network.intercept ?? 'all'}`;
      const commit = 'git -c user.name=Agent -c user.email=agent@example.com commit -q -m Change';
      const { code, stderr } = await run(
        `mkdir none && export GIT_SSL_CAINFO="$SITE_ROOT" GIT_SSL_CAPATH="$PWD/none" && git clone -q https://agent:${gitPassword}@${forge}/project.git work && ` +
          `cd work && echo pushed >${file} && git add . && ${commit} && git push -q`,
      );
      assert.equal(code, 0, stderr);
      assert.equal(await git.readFile('project', file), 'pushed\n');
    });

    test('the rows of its connections say which were not opened, and why', async () => {
      const told = async () =>
        new Map((await rows.rows(sandbox.id)).map(({ host, matchRule }) => [host, matchRule] as const));
      await waitUntil(async () => (await told()).size === 3, { what: 'rows of the three hosts' });
      const found = await told();
      for (const [host, rule] of Object.entries(ruleOf)) assert.equal(found.get(host), rule);
      assert.doesNotMatch(found.get(bound) ?? '', /tunnel_out|intercept/);
    });
  });
}

test(
  '`standin run` leaves closed for one command what it is told to',
  { skip: skipWithout('bwrap', 'curl') },
  async () => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: rig.server.dataDir,
      STANDIN_URL: rig.server.url,
      STANDIN_API_KEY: rig.server.apiKey,
    };
    const line = `printf %s "$PEM" >/tmp/site.pem && curl -sS --capath none --cacert /tmp/site.pem https://${other}/authorization`;
    const run = (...options: string[]) =>
      runProgram(standin, ['run', '--no-mount', '-e', `PEM=${siteRoot}`, ...options, '--', 'sh', '-c', line], { env });
    for (const options of [['--tunnel-out', `${forge},${other}`], ['--intercept=bound']]) {
      const { code, stdout, stderr } = await run(...options);
      assert.deepEqual([code, stdout], [0, 'none'], stderr);
    }
    assert.equal((await run()).code, notTrusted);
    assert.equal((await run('--intercept=bound', '--allow-out', `${bound},${forge}`)).code, sslConnectError);
  },
);

describe('in a sandbox that is run elsewhere, with intercept: bound', () => {
  let sandbox: ClientSandbox;
  let trust: Record<string, string>;

  before(async () => {
    const network = { intercept: 'bound' as const };
    sandbox = await clientSandbox(client, { name: 'elsewhere', network, secrets: { KEY: 'key' } });
    const path = join(sandbox.home, 'site.pem');
    writeFileSync(path, siteRoot);
    trust = Object.fromEntries(
      Object.entries(sandbox.env)
        .filter(([, file]) => file === sandbox.caFile)
        .map(([name]) => [name, path]),
    );
  });
  after(() => sandbox?.remove());

  for (const { name, run, skip } of versionPrograms) {
    test(`${name}: trusts a site's own certificate, and sends it no value`, { skip }, async () => {
      const from = upstream.requests.length;
      const sent = `Bearer ${sandbox.standIn('KEY')}`;
      const { returned, length, many }: Record<string, unknown> = JSON.parse(
        await run(sandbox, { ...trust, BASE: `https://${other}` }),
      );
      assert.deepEqual({ returned, length, many }, { returned: sent, length: '1000000', many: 50 });
      const came = upstream.requests.slice(from);
      assert.equal(came.length, 52);
      assert.ok(came.every(({ authorization }) => authorization === sent));
      await assert.rejects(run(sandbox, { ...trust, BASE: `https://${bound}` }), 'our certificate is not of that root');
    });
  }
});
