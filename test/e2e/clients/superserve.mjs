// Every method of the official npm package that the contract covers, one line for each that held.
import assert from 'node:assert/strict';
import { NotFoundError, Provider, Sandbox, Secret, ConflictError } from '@superserve/sdk';

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
  await secret.rotate('sk-another');
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
});
await step('files.downloadDir', async () => {
  const zip = await sandbox.files.downloadDir('/home/user/new');
  assert.equal(new TextDecoder().decode(zip.subarray(0, 2)), 'PK');
});
await step('egress, network log and audit', async () => {
  const { stdout } = await sandbox.commands.run(
    'curl -sS -H "Authorization: Bearer $OWN" https://api.example.com/path?q=1',
  );
  assert.equal(stdout, 'hello');
  let page;
  for (let tries = 0; tries < 100; tries++) {
    page = await sandbox.getNetworkLog({ limit: 10 });
    if (page.events.length >= 2) break;
  }
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
  const own = await Secret.get('own');
  assert.equal((await own.getAudit({ limit: 5 })).length, 1);
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
  assert.equal(sandbox.getPreviewUrl(8000), `https://8000-${sandbox.id}.sandbox.superserve.ai`);
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
