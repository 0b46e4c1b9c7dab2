import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findProblems } from '../../src/sandbox/bubblewrap/preflight.ts';
import { randomCharacters } from '../../src/stand-in.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { endSandboxesOf } from '../support/end-sandboxes.ts';
import { descendantsOf, endProcesses, isRunning, waitUntil, workerPids } from '../support/processes.ts';
import { sized } from '../support/replies.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { TraceFinder, formsOf } from './traces.ts';

/**
 * Row 21: values and tokens are stored, used, refused, echoed, mistyped, rotated and deleted, while the server logs all
 * it can and its processes are killed; then everything that was written is searched for them, in every form.
 */

const hosts = ['api.example.com', 'basic.example.com', 'named.example.com', 'header.example.com', 'custom.example.com'];
const [api = '', ...others] = hosts;
const elsewhere = 'elsewhere.example.net';

/** Every value that was ever given to the server, by what it was for. */
const values = new Map<string, string>();
/** Tokens that open something: shown to who asks, and kept nowhere as they are. */
const tokens = new Map<string, string>();

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** An error message quotes this much of what it could not read. */
const piece = 8;

/** A value of one's own, with characters that most encodings write otherwise. */
function value(name: string): string {
  const text = randomCharacters(30, letters);
  values.set(name, text);
  return `"<${text}>&+/=%`;
}

const home = temporaryDirectory('row-21');
const dataDir = join(home.path, 'data');
/** Where the server runs: a core dump, report or heap snapshot of it is written there. */
const workDir = join(home.path, 'work');

let rig: EgressRig;
/** What the API and the proxy answered, but for what an upstream said. */
const answers: string[] = [];
const requestLine = (path: string, host: string, credential: string) =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${credential}\r\n\r\n`;

async function call(
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await fetch(`${rig.server.url}${path}`, {
    method,
    headers: { 'x-api-key': rig.server.apiKey, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  answers.push(JSON.stringify([...response.headers]), await response.text());
  return response.status;
}

/** One request through the proxy; what the proxy itself answers is kept. */
async function ask(sandbox: RigSandbox, host: string, request: string): Promise<string> {
  const connection = await sandbox.connect(host);
  try {
    connection.send(request);
    const response = await connection.response();
    const code = response.header('x-standin-error');
    if (code !== undefined) answers.push(response.head.bytes.toString('latin1'), response.body.content.toString());
    return code ?? String(response.status);
  } finally {
    connection.close();
  }
}

async function storeAll(): Promise<void> {
  const { client } = rig.server;
  const [basic = '', named = '', header = '', custom = ''] = others;
  await client.secrets.create({ name: 'bearer', value: value('bearer'), auth: { type: 'bearer' }, hosts: [api] });
  await client.secrets.create({ name: 'basic', value: value('basic'), auth: { type: 'basic' }, hosts: [basic] });
  await client.secrets.create({
    name: 'named',
    value: value('basic with a user name'),
    auth: { type: 'basic', username: 'robot' },
    hosts: [named],
  });
  await client.secrets.create({
    name: 'header',
    value: value('api-key'),
    auth: { type: 'api-key', header: 'X-Key', prefix: 'Key ' },
    hosts: [header],
  });
  await client.secrets.create({
    name: 'custom',
    value: value('custom'),
    auth: { type: 'custom', headers: { 'X-One': 'a {{ value }} b', 'X-Two': '{{ value }}' } },
    hosts: [custom],
  });
  await client.secrets.create({
    name: 'per_host',
    value: value('per_host'),
    auth: { per_host: [{ hosts: [elsewhere], type: 'bearer' }] },
    hosts: [elsewhere],
  });
  await client.secrets.create({ name: 'provider', value: value('provider'), provider: 'openai' });
}

/** Each value goes out where its rule has it. */
async function useAll(sandbox: RigSandbox): Promise<void> {
  const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}`;
  const [basicHost = '', named = '', header = '', custom = ''] = others;
  const one = (key: string) => sandbox.standIn(key);
  const requests: [host: string, credential: string][] = [
    [api, `Authorization: Bearer ${one('BEARER')}`],
    [basicHost, basic(`me:${one('BASIC')}`)],
    [named, basic(`robot:${one('NAMED')}`)],
    [header, `X-Key: Key ${one('HEADER')}`],
    [custom, `X-One: a ${one('CUSTOM')} b`],
    [elsewhere, `Authorization: Bearer ${one('PER_HOST')}`],
    ['api.openai.com', `Authorization: Bearer ${one('PROVIDER')}`],
  ];
  for (const [host, credential] of requests) {
    assert.equal(await ask(sandbox, host, requestLine('/used', host, credential)), '200', host);
  }
}

async function refuseAll(sandbox: RigSandbox): Promise<void> {
  const standIn = sandbox.standIn('BEARER');
  const real = `Authorization: Bearer ${values.get('bearer')}`;
  assert.equal(
    await ask(sandbox, elsewhere, requestLine('/', elsewhere, `Authorization: Bearer ${standIn}`)),
    'credential_host_mismatch',
  );
  assert.equal(await ask(sandbox, api, requestLine('/', api, `X-Other: ${standIn}`)), 'credential_host_mismatch');
  assert.equal(
    await ask(sandbox, api, `GET / HTTP/1.1\r\nHost: ${elsewhere}\r\n${real}\r\n\r\n`),
    'misdirected_request',
  );
  assert.equal(await ask(sandbox, api, `GET / HTTP/1.1\r\nHost: ${api}\r\n${real}\r\n folded\r\n\r\n`), 'bad_request');
  assert.equal(await ask(sandbox, api, `TRACE / HTTP/1.1\r\nHost: ${api}\r\n${real}\r\n\r\n`), 'method_not_allowed');
  // A credential of the sandbox's own, in a query: it goes its way, and is not written down.
  assert.equal(await ask(sandbox, api, requestLine(`/own?key=${values.get('bearer')}`, api, 'Accept: */*')), '200');
}

/** Upstreams that give the value back where an answer cannot be understood. */
async function failAll(sandbox: RigSandbox): Promise<void> {
  const credential = `Authorization: Bearer ${sandbox.standIn('BEARER')}`;
  const told = (head: string) => head.replace('VALUE', values.get('bearer') ?? '');
  const broken: Record<string, string> = {
    '/status': told('HTTP/1.1 VALUE OK\r\n\r\n'),
    '/header': told('HTTP/1.1 200 OK\r\nX-VALUE no colon\r\n\r\n'),
    '/length': told('HTTP/1.1 200 OK\r\nContent-Length: VALUE\r\n\r\n'),
    '/nothing': '',
  };
  for (const [path, head] of Object.entries(broken)) {
    rig.answer(path, () => ({ bytes: [head], close: 'end' }));
    assert.match(await ask(sandbox, api, requestLine(path, api, credential)), /^upstream_/);
  }
  rig.answer('/echo', ({ head }) => sized(401, head.bytes, { 'X-Echo': values.get('bearer') ?? '' }));
  assert.equal(await ask(sandbox, api, requestLine('/echo', api, credential)), '401');
}

/** What a hurried person sends: refused, and not repeated. */
async function mistypeAll(): Promise<void> {
  const text = value('mistyped').replaceAll('"', '');
  const rest = '"name": "mistyped", "auth": {"type": "bearer"}, "hosts": ["a.example.com"]';
  const bodies = [
    `{${rest}, "value": {"deep": "${text}"}}`,
    `{${rest}, "value": ["${text}"]}`,
    `{${rest}, "value": "${text}\\n"}`,
    `{${rest}, "value": "${text}\\u0000"}`,
    `{${rest}, "value": "${text.repeat(300)}"}`,
    `{${rest}, "value": "${text}"`,
    `{${rest}, "value": "${text}", "value": "${text}"}`,
    `{${rest} "value": "${text}"}`,
    `{${rest}, "valu": "${text}"}`,
    `{"name": "mistyped", "value": "${text}"}`,
    `{"name": "mistyped", "value": "${text}", "auth": {"type": "bearer", "key": "${text}"}, "hosts": ["a.example.com"]}`,
    `{"name": "mistyped", "value": "${text}", "auth": {"type": "${text}"}, "hosts": ["a.example.com"]}`,
    `{"name": "mistyped", "value": "${text}", "auth": {"type": "bearer"}, "hosts": ["com"]}`,
    `{"name": "bearer", "value": "${text}", "auth": {"type": "bearer"}, "hosts": ["a.example.com"]}`,
    `"${text}"`,
    text,
    `{${rest}, "value": "${text.repeat(2000)}"}`,
  ];
  for (const body of bodies) {
    assert.ok((await call('POST', '/secrets', body)) >= 400, body.slice(0, 200));
    assert.ok((await call('PATCH', '/secrets/bearer', body)) >= 400, body.slice(0, 200));
  }
  assert.equal(await call('POST', '/secrets', text, { 'content-type': 'text/plain' }), 415);
  assert.equal(await call('GET', `/secrets?value=${encodeURIComponent(text)}`), 400);
  assert.equal(await call('GET', `/secrets/bearer/audit?before=${encodeURIComponent(text)}`), 400);
  assert.equal(await call('GET', '/secrets', undefined, { 'x-api-key': text.replaceAll(/[^A-Za-z0-9]/g, '') }), 401);
}

async function makeTokens(): Promise<void> {
  const { client, apiKey } = rig.server;
  tokens.set('API key of the first start', apiKey);
  const made = await client.keys.create({ name: 'more' });
  tokens.set('API key', made.key);
  const box = await client.sandboxes.create({ name: 'box', driver: 'external' });
  const rotated = await client.sandboxes.rotateEgressToken(box.id);
  tokens.set('access token', box.access_token);
  tokens.set('first proxy token', new URL(box.egress.proxy_url).password);
  tokens.set('proxy token', new URL(rotated.proxy_url).password);
  await client.keys.revoke(made.id);
}

/** What people look at: rows, why they are so, and whether a key works, from a browser too. */
async function lookAll(): Promise<void> {
  const own = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' };
  const signIn = (key: string) =>
    fetch(`${rig.server.url}/session`, { method: 'POST', headers: own, body: JSON.stringify({ api_key: key }) });
  const session = await signIn(rig.server.apiKey);
  const cookie = session.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  tokens.set('session', cookie.split('=')[1] ?? '');
  assert.equal((await signIn(value('mistyped at the sign-in'))).status, 401);
  const ids: number[] = [];
  await waitUntil(
    async () => {
      const { data } = await rig.server.client.requests.list({ limit: 200 });
      ids.splice(0, ids.length, ...data.map(({ id }) => id));
      return data.some(({ path }) => path === '/echo');
    },
    { what: 'the rows' },
  );
  const paths = ['/requests?limit=200', '/activity', '/activity/map', '/activity/secrets', '/secrets/bearer/versions'];
  for (const path of [...paths, '/config', ...ids.map((id) => `/requests/${id}/explain`)]) {
    assert.equal(await call('GET', path, undefined, { cookie, 'sec-fetch-site': 'same-origin' }), 200, path);
  }
  assert.equal(await call('POST', '/secrets/bearer/test', JSON.stringify({ url: `https://${api}/echo` })), 200);
  const real = { Authorization: `Bearer ${values.get('bearer')}`, 'X-Key': '{{stand_in}}' };
  const asked = { url: `https://${api}/?key=${values.get('bearer')}`, headers: real };
  assert.equal(await call('POST', '/secrets/bearer/explain', JSON.stringify(asked)), 200);
}

const problems = await findProblems();

async function runInside(): Promise<void> {
  if (problems.length > 0) return;
  const { client } = rig.server;
  const box = await client.sandboxes.create({ name: 'inside', driver: 'bubblewrap', secrets: { BEARER: 'bearer' } });
  tokens.set('access token of a bubblewrap sandbox', box.access_token);
  tokens.set('proxy token of a bubblewrap sandbox', new URL(box.egress.proxy_url).password);
  const command = `env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; curl -sS -H "Authorization: Bearer $BEARER" https://${api}/used`;
  const { stdout, stderr, exit_code: code } = await client.exec(box, { command });
  assert.equal(code, 0, stderr);
  answers.push(stdout, stderr);
}

const serverProcesses = () => [rig.server.program.pid, ...descendantsOf(rig.server.program.pid)].filter(isRunning);

before(async () => {
  mkdirSync(workDir);
  rig = await startEgressRig({
    names: [...hosts, elsewhere, 'api.openai.com'],
    server: {
      dataDir,
      env: { STANDIN_LOG_LEVEL: 'trace', STANDIN_EGRESS_WORKERS: '2' },
      launcher: ['sh', '-c', 'ulimit -c unlimited 2>/dev/null; cd "$0" && exec "$@"', workDir],
    },
  });
  await storeAll();
  const sandbox = await rig.sandbox({
    BEARER: 'bearer',
    BASIC: 'basic',
    NAMED: 'named',
    HEADER: 'header',
    CUSTOM: 'custom',
    PER_HOST: 'per_host',
    PROVIDER: 'provider',
  });
  await useAll(sandbox);
  await refuseAll(sandbox);
  await failAll(sandbox);
  await mistypeAll();
  await makeTokens();
  await lookAll();
  await runInside();
  assert.equal(await call('PATCH', '/secrets/bearer', JSON.stringify({ value: value('rotated') })), 200);
  await useAll(sandbox);
  assert.equal(await call('DELETE', '/secrets/custom'), 204);
  for (const path of ['/secrets', '/sandboxes', '/api-keys', '/secrets/bearer', '/secrets/bearer/audit?limit=200']) {
    assert.equal(await call('GET', path), 200);
  }
});

after(async () => {
  await rig.stop();
  await endSandboxesOf(dataDir);
  home.remove();
});

describe('row 21: values and tokens', () => {
  it('were all used, and would be found in any form', () => {
    const received = rig.upstream.receivedText();
    for (const [name, text] of values) {
      if (name.startsWith('mistyped')) continue;
      const forms = name.startsWith('basic') ? [...formsOf(text).values()] : [Buffer.from(text)];
      assert.ok(
        forms.some((form) => received.includes(form.toString('latin1'))),
        `${name} never reached the upstream`,
      );
    }
    const finder = new TraceFinder([['it', 'a-Secret_0123456789']]);
    const text = Buffer.from('a-Secret_0123456789');
    const written = [
      text,
      text.toString('hex'),
      encodeURIComponent('a-Secret_0123456789'),
      `%61%2d${text.subarray(2).toString('hex').replaceAll(/../g, '%$&')}`,
      ...['', '1', '12'].map((prefix) => Buffer.from(`${prefix}a-Secret_0123456789 and more`).toString('base64')),
      Buffer.from('a-Secret_0123456789', 'utf16le'),
    ];
    for (const each of written) assert.equal(finder.inBytes('here', each).length > 0, true, each.toString());
    assert.deepEqual(finder.inBytes('here', 'a-Secret_012345678'), []);
  });

  it('are in no line that the server wrote, at the lowest level', () => {
    const { program } = rig.server;
    assert.match(program.stderr(), /"level":"(debug|trace|info)"/);
    const finder = new TraceFinder([...values, ...tokens]);
    assert.deepEqual(
      [...finder.inBytes('stderr', program.stderr()), ...finder.inBytes('stdout', program.stdout())],
      [],
    );
  });

  it('are in no file of the data directory, its log of writes included', () => {
    assert.ok(readdirSync(dataDir).includes('standin.db-wal'));
    assert.deepEqual(new TraceFinder([...values, ...tokens]).inFiles(dataDir), []);
  });

  it('are in no answer of the API, nor of the proxy, nor in what a sandbox sees of itself', () => {
    assert.ok(answers.length > 100);
    assert.deepEqual(new TraceFinder(values, { piece }).inBytes('answers', answers.join('\n')), []);
  });

  it('are in no argument and no environment of any process', () => {
    const pids = serverProcesses();
    assert.ok(pids.length >= 3);
    const own = [...values, ...tokens].filter(([name]) => name !== 'API key of the first start');
    // What an operator put into the server's own environment stays visible there to him and to root (proc_pid_environ(5)).
    const found = pids.flatMap((pid) =>
      new TraceFinder(pid === rig.server.program.pid ? own : [...values, ...tokens]).inProcess(pid),
    );
    assert.deepEqual(found, []);
  });

  it('cannot be had by a signal: none opens a debugger', () => {
    // Those in a sandbox are nobody's to signal, and hold nothing.
    const isInside = (pid: number) => readlinkSync(`/proc/${pid}/ns/pid`) !== readlinkSync('/proc/self/ns/pid');
    const outside = serverProcesses().filter((pid) => !isInside(pid));
    assert.ok(outside.length >= 3);
    for (const pid of outside) {
      const [, mask = ''] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      // SIGUSR1 is 10, and the mask's lowest bit is signal 1.
      assert.equal((BigInt(`0x${mask}`) >> 9n) & 1n, 0n, `process ${pid} catches SIGUSR1`);
    }
  });

  it('are in nothing that a process leaves behind when it crashes', async () => {
    for (const pid of serverProcesses()) {
      assert.match(readFileSync(`/proc/${pid}/coredump_filter`, 'utf8'), /^0+\n$/, `process ${pid}`);
    }
    const { program } = rig.server;
    const [worker = 0] = workerPids(program.pid);
    process.kill(worker, 'SIGABRT');
    await waitUntil(() => !isRunning(worker), { what: 'the worker to end' });
    const workers = workerPids(program.pid);
    process.kill(program.pid, 'SIGABRT');
    try {
      await waitUntil(() => ![program.pid, ...workers].some(isRunning), { what: 'the others to end' });
    } finally {
      endProcesses(workers);
    }
    await program.ended;
    const finder = new TraceFinder([...values, ...tokens]);
    assert.deepEqual(finder.inFiles(workDir), []);
    assert.deepEqual(finder.inFiles(dataDir), []);
    assert.deepEqual(finder.inBytes('stderr', program.stderr()), []);
    assert.deepEqual(
      readdirSync(workDir).filter((name) => !name.startsWith('core')),
      [],
    );
  });
});
