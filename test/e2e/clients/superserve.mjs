// Every method of the official npm package that the contract covers, one line for each that held.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import {
  AuthenticationError,
  ConflictError,
  NotFoundError,
  Provider,
  RateLimitError,
  Sandbox,
  Secret,
  TimeoutError,
  ValidationError,
  previewUrl,
} from '@superserve/sdk';

const step = async (name, work) => {
  try {
    const result = await work();
    console.log(`ok ${name}`);
    return result;
  } catch (error) {
    console.log(`FAILED ${name}: ${error?.name} ${error?.statusCode ?? ''} ${error?.code ?? ''} ${error?.stack}`);
    process.exitCode = 1;
    return undefined;
  }
};
/** Names and contents of a zip, by its central directory. */
const entriesOf = (zip) => {
  const end = zip.lastIndexOf('PK\u0005\u0006');
  const entries = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, packed] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const [name, extra, comment] = [28, 30, 32].map((each) => zip.readUInt16LE(at + each));
    const local = zip.readUInt32LE(at + 42);
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const content = zip.subarray(begin, begin + packed);
    entries.push([
      zip.subarray(at + 46, at + 46 + name).toString(),
      (method === 8 ? inflateRawSync(content) : content).toString(),
    ]);
    at += 46 + name + extra + comment;
  }
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
};
const outcome = ({ stdout, stderr, exitCode }) => [stdout, stderr, exitCode];

await step('Provider.list', async () => assert.ok((await Provider.list()).some(({ name }) => name === 'openai')));
const secret = await step('Secret.create', () =>
  Secret.create({ name: 'openai-prod', value: 'sk-real', provider: 'openai' }),
);
await step('Secret.create with rules of its own', () =>
  Secret.create({ name: 'own', value: 'real-value', auth: { type: 'bearer' }, hosts: ['api.example.com'] }),
);
await step('Secret.create per host', () =>
  Secret.create({
    name: 'several',
    value: 'v',
    auth: { perHost: [{ type: 'api-key', header: 'X-Key', prefix: 'T ', hosts: ['b.example.com'] }] },
    hosts: ['b.example.com'],
  }),
);
await step('Secret.list, get, rotate', async () => {
  assert.equal((await Secret.list()).length, 3);
  assert.equal((await Secret.get('own')).name, 'own');
  assert.equal((await secret.rotate('sk-another')).name, 'openai-prod');
  const info = await secret.getInfo();
  assert.deepEqual([info.authType, info.providerShortcut, info.lastUsedAt], ['bearer', 'openai', undefined]);
  assert.ok(info.updatedAt > info.createdAt);
});
await step('errors of secrets and keys have their classes', async () => {
  const bad = { name: 'bad', value: 'v', auth: { type: 'bearer' }, hosts: ['*.com'] };
  await assert.rejects(Secret.create(bad), (error) => {
    assert.ok(error instanceof ValidationError);
    assert.deepEqual([error.statusCode, error.code, /hosts/.test(error.message)], [400, 'bad_request', true]);
    return true;
  });
  await assert.rejects(Secret.create({ ...bad, name: 'own', hosts: ['a.example.com'] }), ConflictError);
  await assert.rejects(Secret.get('nowhere'), NotFoundError);
  await assert.rejects(Secret.list({ apiKey: 'wrong' }), AuthenticationError);
  await assert.rejects(Provider.list({ apiKey: 'wrong' }), AuthenticationError);
  await Secret.deleteByName('nowhere');
});

const sandbox = await step('Sandbox.create', () =>
  Sandbox.create({
    name: 'js',
    secrets: { OPENAI_API_KEY: 'openai-prod', OWN: 'own' },
    envVars: { PLAIN: 'text' },
    metadata: { team: 'sdk' },
    network: { denyOut: ['203.0.113.0/24'] },
    timeoutSeconds: 3600,
    autoDeleteSeconds: 600,
  }),
);
await step('list by metadata, getInfo', async () => {
  assert.deepEqual(
    (await Sandbox.list({ metadata: { team: 'sdk' } })).map(({ id }) => id),
    [sandbox.id],
  );
  const info = await sandbox.getInfo();
  assert.deepEqual([info.status, info.timeoutSeconds, info.autoDeleteSeconds], ['active', 3600, 600]);
  assert.deepEqual(info.secrets.map(({ envKey }) => envKey).toSorted(), ['OPENAI_API_KEY', 'OWN']);
});
await step('commands.run', async () => {
  assert.deepEqual(outcome(await sandbox.commands.run('echo out; echo err >&2; exit 3')), ['out\n', 'err\n', 3]);
  assert.deepEqual(outcome(await sandbox.commands.run('pwd; echo $A $PLAIN', { cwd: '/tmp', env: { A: 'b' } })), [
    '/tmp\nb text\n',
    '',
    0,
  ]);
  assert.equal((await sandbox.commands.run('sleep 60', { timeoutMs: 1000 })).exitCode, 124);
});
await step('commands.run is held to its limits, and ends with who waits for it', async () => {
  await assert.rejects(sandbox.commands.run('head -c 3000000 /dev/zero', { maxOutputBytes: 1000 }), ValidationError);
  for (const onStdout of [undefined, () => undefined]) {
    const leaving = new AbortController();
    const left = sandbox.commands.run('sleep 8642', { signal: leaving.signal, ...(onStdout && { onStdout }) });
    left.catch(() => undefined);
    while (!(await sandbox.commands.run('pgrep -f "sleep 864[2]" || true')).stdout);
    leaving.abort();
    await assert.rejects(left);
    while ((await sandbox.commands.run('pgrep -f "sleep 864[2]" || true')).stdout);
  }
});
await step('a stand-in and not the value', async () => {
  const { stdout } = await sandbox.commands.run('echo $OWN');
  assert.ok(stdout.length > 8 && !stdout.includes('real-value'));
});
await step('commands.run with callbacks', async () => {
  let seen = '';
  const result = await sandbox.commands.run(
    "printf 'a\\342\\200\\250b\\303'; sleep 0.1; printf '\\251\\n'; echo e >&2; exit 4",
    {
      onStdout: (text) => (seen += text),
      onStderr: () => undefined,
    },
  );
  assert.equal(seen, 'a\u2028bé\n');
  assert.deepEqual(outcome(result), ['a\u2028bé\n', 'e\n', 4]);
  const late = await sandbox.commands.run('sleep 60', { timeoutMs: 1000, onStdout: () => undefined });
  assert.equal(late.exitCode, 124);
});
await step('commands.spawn', async () => {
  const session = await sandbox.commands.spawn('cat; exit 5');
  session.stdin.write('é\n'.repeat(3));
  session.stdin.close();
  assert.deepEqual(outcome(await session.wait()), ['é\né\né\n', '', 5]);
  const killed = await sandbox.commands.spawn('sleep 60');
  killed.kill('SIGINT');
  assert.equal((await killed.wait()).exitCode, 130);
  const heard = { out: '', err: '' };
  const talking = await sandbox.commands.spawn('read line; echo "$line"; echo problem >&2; pwd; echo $A', {
    cwd: '/tmp',
    env: { A: 'b' },
    onStdout: (data) => (heard.out += data),
    onStderr: (data) => (heard.err += data),
  });
  talking.stdin.write('hällo\n');
  assert.equal((await talking.wait()).exitCode, 0);
  assert.deepEqual(heard, { out: 'hällo\n/tmp\nb\n', err: 'problem\n' });
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 256);
  const binary = await sandbox.commands.spawn('sha256sum');
  binary.stdin.write(bytes);
  binary.stdin.close();
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
  assert.equal((await binary.wait()).stdout, `${digest}  -\n`);
  const late = await sandbox.commands.spawn('sleep 60', { timeoutMs: 1000 });
  assert.equal((await late.wait()).exitCode, 124);
  {
    await using _scoped = await sandbox.commands.spawn('sleep 4321');
  }
  const leaving = new AbortController();
  const aborted = await sandbox.commands.spawn('sleep 4321', { signal: leaving.signal });
  // The package leaves a promise of its own unhandled here.
  process.once('unhandledRejection', () => undefined);
  const ended = assert.rejects(aborted.wait());
  leaving.abort();
  await ended;
  const closed = await sandbox.commands.spawn('sleep 4321');
  await closed.close();
  assert.match((await sandbox.commands.run('pgrep -f "sleep 432[1]" || echo none')).stdout, /none/);
});
await step('files.write, read, readText', async () => {
  await sandbox.files.write('/home/user/new/ü.txt', 'text');
  assert.equal(await sandbox.files.readText('/home/user/new/ü.txt'), 'text');
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  await sandbox.files.write('/tmp/bytes', bytes);
  assert.deepEqual(await sandbox.files.read('/tmp/bytes'), bytes);
  await assert.rejects(sandbox.files.read('/tmp/none'), NotFoundError);
  await assert.rejects(sandbox.files.read('/tmp'), ValidationError);
  await assert.rejects(sandbox.files.write('/usr/none', ''), ValidationError);
  await assert.rejects(sandbox.files.read('/tmp/bytes', { maxBytes: 10 }));
  await sandbox.files.write('/tmp/buffer', bytes.buffer);
  await sandbox.files.write('/tmp/blob', new Blob(['from a blob']));
  await sandbox.files.write('/tmp/empty', '');
  assert.deepEqual(await sandbox.files.read('/tmp/buffer'), bytes);
  assert.equal(await sandbox.files.readText('/tmp/blob'), 'from a blob');
  assert.equal((await sandbox.files.read('/tmp/empty')).length, 0);
});
await step('files.downloadDir', async () => {
  const zip = await sandbox.files.downloadDir('/home/user/new');
  assert.deepEqual(entriesOf(Buffer.from(zip)), [
    ['new/', ''],
    ['new/ü.txt', 'text'],
  ]);
  await sandbox.commands.run('ln -s /etc/passwd ~/new/link');
  assert.equal(entriesOf(Buffer.from(await sandbox.files.downloadDir('/home/user/new/'))).length, 2);
  // A file comes as it is.
  assert.equal(Buffer.from(await sandbox.files.downloadDir('/home/user/new/ü.txt')).toString(), 'text');
  await assert.rejects(sandbox.files.downloadDir('/tmp/none'), NotFoundError);
});
await step('egress, network log and audit', async () => {
  const { stdout } = await sandbox.commands.run(
    'curl -sS -H "Authorization: Bearer $OWN" https://api.example.com/path?q=1',
  );
  assert.equal(stdout, 'hello');
  let page;
  const until = Date.now() + 10_000;
  do page = await sandbox.getNetworkLog({ limit: 10 });
  while (page.events.length < 2 && Date.now() < until);
  assert.deepEqual(page.events.map(({ kind, host }) => [kind, host]).toSorted(), [
    ['connection', 'api.example.com'],
    ['request', 'api.example.com'],
  ]);
  const request = page.events.find(({ kind }) => kind === 'request');
  assert.deepEqual([request.method, request.path, request.status], ['GET', '/path', 200]);
  const one = await sandbox.getNetworkLog({ limit: 1 });
  assert.equal(one.hasMore, true);
  const two = await sandbox.getNetworkLog({ limit: 1, before: one.nextCursor });
  assert.notEqual(two.events[0].id, one.events[0].id);
  assert.equal((await sandbox.getNetworkLog({ verdict: 'blocked' })).events.length, 0);
  assert.equal((await sandbox.getNetworkLog({ before: '2020-01-01T00:00:00Z' })).events.length, 0);
  assert.equal((await sandbox.getNetworkLog({ since: new Date(Date.now() + 60_000).toISOString() })).events.length, 0);
  assert.equal((await sandbox.getNetworkLog({ since: '2020-01-01T00:00:00Z' })).events.length, 2);
  const own = await Secret.get('own');
  assert.ok(own.lastUsedAt instanceof Date);
  assert.equal((await own.getAudit({ limit: 5 })).length, 1);
  await sandbox.commands.run(
    'for n in 1 2 3 4; do curl -sS -H "Authorization: Bearer $OWN" https://api.example.com/$n; done',
  );
  await sandbox.commands.run('curl -sS -H "X-Other: $OWN" https://api.example.com/misplaced');
  let all = [];
  while (all.length < 6) all = await own.getAudit();
  const paged = [];
  for (let before; ; before = paged.at(-1).id) {
    const some = await own.getAudit({ limit: 2, ...(before && { before }) });
    paged.push(...some);
    if (some.length < 2) break;
  }
  assert.deepEqual(paged, all);
  const [refused] = await own.getAudit({ status: 'errors' });
  assert.deepEqual([refused.path, refused.status, refused.upstreamStatus], ['/misplaced', 403, null]);
  assert.equal(refused.errorCode, 'credential_host_mismatch');
  assert.equal((await own.getAudit({ status: '2xx' })).length, 5);
  assert.deepEqual(
    (await own.getSandboxes()).map(({ sandboxId }) => sandboxId),
    [sandbox.id],
  );
});
await step('attachSecret, detachSecret', async () => {
  await sandbox.attachSecret('MORE', 'several');
  await assert.rejects(sandbox.attachSecret('MORE', 'several'), ConflictError);
  assert.ok((await sandbox.commands.run('echo $MORE')).stdout.length > 8);
  await sandbox.detachSecret('MORE');
  assert.equal((await sandbox.commands.run('echo $MORE')).stdout, '\n');
});
await step('update', async () => {
  await sandbox.update({
    metadata: { team: 'other' },
    timeoutSeconds: null,
    network: { allowOut: ['api.example.com'] },
  });
  const info = await sandbox.getInfo();
  assert.deepEqual(
    [info.metadata, info.timeoutSeconds, info.network.allowOut],
    [{ team: 'other' }, undefined, ['api.example.com']],
  );
  await Sandbox.updateById(sandbox.id, { metadata: { team: 'sdk' } });
});
await step('pause, resume, and a command that wakes it', async () => {
  await sandbox.commands.run('(while :; do echo x >> ~/beat; sleep 0.05; done) >/dev/null 2>&1 &');
  await sandbox.pause();
  const info = await sandbox.getInfo();
  assert.equal(info.status, 'paused');
  assert.ok(info.autoDeleteAt instanceof Date);
  await sandbox.resume();
  const size = async () => Number((await sandbox.commands.run('wc -c < ~/beat')).stdout);
  const before = await size();
  while ((await size()) === before);
  await sandbox.pause();
  assert.equal((await sandbox.commands.run('echo awake')).stdout, 'awake\n');
  assert.equal((await sandbox.getInfo()).status, 'active');
});
await step('Sandbox.connect, and the other handle heals', async () => {
  const second = await Sandbox.connect(sandbox.id);
  assert.equal((await second.commands.run('echo second')).stdout, 'second\n');
  assert.equal((await sandbox.commands.run('echo first')).stdout, 'first\n');
  const session = await second.commands.spawn('echo spawned');
  assert.equal((await session.wait()).stdout, 'spawned\n');
});
await step('getPreviewUrl', async () => {
  const url = `https://8000-${sandbox.id}.sandbox.superserve.ai`;
  assert.equal(sandbox.getPreviewUrl(8000), url);
  assert.equal(previewUrl(sandbox.id, 'sandbox.superserve.ai', 8000), url);
});
await step('Sandbox.updateById leaves one that is paused paused', async () => {
  await sandbox.pause();
  await assert.rejects(sandbox.pause(), ConflictError);
  await Sandbox.updateById(sandbox.id, { autoDeleteSeconds: null, metadata: { team: 'paused' } });
  const info = await sandbox.getInfo();
  assert.deepEqual([info.status, info.autoDeleteSeconds, info.autoDeleteAt], ['paused', undefined, undefined]);
  await sandbox.resume();
  await assert.rejects(sandbox.resume(), ConflictError);
  await assert.rejects(sandbox.update({ network: { denyOut: ['example.com'] } }), ValidationError);
});
await step('a team that has as many as it may is told so, and a template that is none', async () => {
  const more = await Sandbox.create({ name: 'more', fromTemplate: 'base' });
  await assert.rejects(Sandbox.create({ name: 'too many' }), (error) => {
    assert.ok(error instanceof RateLimitError);
    assert.equal(error.code, 'too_many_sandboxes');
    return true;
  });
  await more.kill();
  await assert.rejects(Sandbox.create({ name: 'none', fromTemplate: 'nowhere' }), (error) =>
    [400, 404].includes(error.statusCode),
  );
  await assert.rejects(Sandbox.create({ name: 'none', secrets: { A: 'nowhere' } }), ValidationError);
  await assert.rejects(Sandbox.connect('00000000-0000-4000-8000-000000000000'), NotFoundError);
});
await step('a call that takes longer than its time ends with a TimeoutError', async () => {
  await assert.rejects(sandbox.files.read('/proc/self/status', { timeoutMs: 1 }), TimeoutError);
});
await step('kill, killById, delete', async () => {
  await sandbox.kill();
  await sandbox.kill();
  await Sandbox.killById(sandbox.id);
  await secret.delete();
  for (const { name } of await Secret.list()) await Secret.deleteByName(name);
  assert.deepEqual(await Secret.list(), []);
  assert.deepEqual(await Sandbox.list(), []);
});
await step('no method of theirs is left out', async () => {
  const source = readFileSync(import.meta.filename, 'utf8');
  const parts = [Sandbox, Sandbox.prototype, Secret, Secret.prototype, Provider, sandbox.commands, sandbox.files];
  const names = parts.flatMap((part) =>
    Object.getOwnPropertyNames(
      typeof part === 'object' && part.constructor.prototype !== part ? part.constructor.prototype : part,
    ),
  );
  const own = new Set(['length', 'name', 'prototype', 'constructor', 'buildUpdateBody']);
  const methods = names.filter((name) => !own.has(name) && !name.startsWith('_'));
  assert.ok(methods.length > 25, methods.join());
  assert.deepEqual(
    methods.filter((name) => !new RegExp(`\\.${name}\\(`).test(source)),
    [],
  );
});
