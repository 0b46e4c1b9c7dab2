import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { httpToken, overHttp, overStdio, startMcpHttp } from '../support/mcp-client.ts';
import type { McpRig } from '../support/mcp-client.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';
import type { Program } from '../support/processes.ts';
import { startSdkRig, upstreamHost } from '../support/sdk-rig.ts';
import type { SdkRig } from '../support/sdk-rig.ts';

const realValue = 'real-value-never-seen-71c3';
const line = `curl -sS https://${upstreamHost}/items -H "Authorization: Bearer $TOKEN"`;

describe('standin mcp', { skip: skipWithout('bwrap', 'curl') }, () => {
  let rig: SdkRig;
  let http: { program: Program; url: string };

  before(async () => {
    rig = await startSdkRig();
    await rig.server.client.secrets.create({
      name: 'own',
      value: realValue,
      auth: { type: 'bearer' },
      hosts: [upstreamHost],
    });
    await rig.server.client.secrets.create({ name: 'other', value: `${realValue}-2`, provider: 'openai' });
    http = await startMcpHttp(rig.server);
  });

  after(async () => {
    await http?.program.stop();
    await rig?.stop();
  });

  const ways: [string, () => Promise<McpRig>][] = [
    ['stdio, the newest revision', () => overStdio(rig.server, 'auto')],
    ['stdio, the revision of 2025', () => overStdio(rig.server, 'legacy')],
    ['HTTP, the newest revision', () => overHttp(http.url, 'auto')],
    ['HTTP, the revision of 2025 with a session', () => overHttp(http.url, 'legacy')],
  ];
  for (const [way, connect] of ways) {
    it(`over ${way}: every tool does its work, and no message has a value or a token`, async () => {
      const mcp = await connect();
      try {
        const tokens = await driveEveryTool(mcp);
        const heard = mcp.heard.join('\n');
        assert.ok(tokens.length >= 3);
        for (const secret of [realValue, rig.server.apiKey, httpToken, ...tokens]) {
          assert.ok(!heard.includes(secret), `a message has ${secret.slice(0, 6)}…`);
        }
      } finally {
        await mcp.stop();
      }
    });
  }

  it('has no input for a value, and says of each tool whether it changes anything', async (t) => {
    const mcp = await overStdio(rig.server, 'auto');
    t.after(() => mcp.stop());
    const { tools } = await mcp.client.listTools();
    const inputs = tools.flatMap(({ name, inputSchema }) => fieldsOf(inputSchema).map((field) => `${name}.${field}`));
    assert.ok(inputs.length > 30, 'the inputs were found');
    assert.deepEqual(
      inputs.filter((field) => /value|password|credential|token|api_?key|env_vars|\benv\b/i.test(field)),
      [],
    );
    const outputs = tools.flatMap(({ outputSchema }) => fieldsOf(outputSchema));
    assert.ok(outputs.length > 30);
    assert.deepEqual(
      outputs.filter((field) => /value|token|egress|proxy|ca_pem/i.test(field)),
      [],
    );
    for (const { name, annotations } of tools) assert.equal(typeof annotations?.readOnlyHint, 'boolean', name);
  });

  it('tells of output as it comes, and ends a command whose call is cancelled', async (t) => {
    const mcp = await overHttp(http.url, 'auto');
    t.after(() => mcp.stop());
    const { id } = await mcp.call('sandbox_create', { name: 'slow' });
    const told: string[] = [];
    const cancel = new AbortController();
    const command = 'echo first; while :; do sleep 0.1; echo again; done; # marker-4711';
    const running = mcp.client.callTool(
      { name: 'exec', arguments: { sandbox_id: id, command } },
      { signal: cancel.signal, onprogress: ({ message }) => void told.push(message ?? '') },
    );
    await waitUntil(async () => told.join('').includes('again'), { what: 'progress', withinMs: 20_000 });
    cancel.abort();
    await assert.rejects(running);
    await waitUntil(
      async () => {
        const seen = await mcp.call('exec', { sandbox_id: id, command: 'pgrep -f "marker-471[1]" || echo none' });
        return String(seen['stdout']).includes('none');
      },
      { what: 'the command to be ended', withinMs: 20_000 },
    );
    await mcp.call('sandbox_delete', { sandbox_id: id });
  });

  it('keeps the beginning and the end of long output, and ends what takes too long', async (t) => {
    const mcp = await overStdio(rig.server, 'auto');
    t.after(() => mcp.stop());
    const { id } = await mcp.call('sandbox_create', { name: 'long' });
    const long = await mcp.call('exec', { sandbox_id: id, command: 'seq 1 100000', max_output: 1000 });
    assert.match(String(long['stdout']), /^1\n2\n[^]*characters left out[^]*100000\n$/);
    assert.ok(String(long['stdout']).length < 1100);
    assert.equal(long['truncated'], true);
    const late = await mcp.call('exec', { sandbox_id: id, command: 'echo begun; sleep 60', timeout_seconds: 1 });
    assert.deepEqual([late['exit_code'], late['timed_out'], late['stdout']], [124, true, 'begun\n']);
    await mcp.call('sandbox_delete', { sandbox_id: id });
  });

  it('says what to do where a tool fails', async (t) => {
    const mcp = await overStdio(rig.server, 'auto');
    t.after(() => mcp.stop());
    const gone = '00000000-0000-4000-8000-000000000000';
    assert.match(await mcp.refusal('exec', { sandbox_id: gone, command: 'true' }), /not_found: .*sandbox_list/);
    assert.match(await mcp.refusal('sandbox_create', { name: 'x', secrets: { A: 'nobody' } }), /bad_request: .*nobody/);
    assert.match(
      await mcp.refusal('secret_attach', { sandbox_id: gone, env_key: 'A', secret_name: 'sk-ant/not a name' }),
      /name of a secret/,
    );
    const nowhere = await overStdio({ ...rig.server, url: 'http://127.0.0.1:1' }, 'auto');
    t.after(() => nowhere.stop());
    assert.match(await nowhere.refusal('sandbox_list'), /no Standin server answers at .*standin serve/);
    const stranger = await overStdio({ ...rig.server, apiKey: 'wrong' }, 'auto');
    t.after(() => stranger.stop());
    assert.match(await stranger.refusal('sandbox_list'), /unauthorized: .*STANDIN_API_KEY/);
  });

  it('started for one secret it uses no other, also by a sandbox that somebody else bound', async (t) => {
    const foreign = await rig.server.client.sandboxes.create({ name: 'foreign', secrets: { KEY: 'other' } });
    t.after(() => rig.server.client.sandboxes.remove(foreign.id));
    const mcp = await overStdio(rig.server, 'auto', ['--secret', 'own']);
    t.after(() => mcp.stop());
    const { secrets } = await mcp.call('secret_list');
    assert.deepEqual(Array.isArray(secrets) ? secrets.map(({ name }) => name) : [], ['own']);
    assert.deepEqual(await mcp.call('sandbox_list'), { sandboxes: [] });
    assert.match(await mcp.refusal('sandbox_create', { name: 'x', secrets: { A: 'other' } }), /forbidden: .*--secret/);
    for (const [name, input] of Object.entries({
      exec: { command: 'true' },
      sandbox_get: {},
      sandbox_delete: {},
      sandbox_pause: {},
      sandbox_resume: {},
      file_read: { path: '/etc/hostname' },
      file_write: { path: '/tmp/x', content: 'x' },
      file_list: { path: '/' },
      network_log: {},
      secret_attach: { env_key: 'A', secret_name: 'own' },
      secret_detach: { env_key: 'KEY' },
    })) {
      assert.match(await mcp.refusal(name, { sandbox_id: foreign.id, ...input }), /forbidden: this sandbox/, name);
    }
  });

  it('started with --read-only it has no tool that changes anything', async (t) => {
    const mcp = await overStdio(rig.server, 'auto', ['--read-only']);
    t.after(() => mcp.stop());
    const names = (await mcp.client.listTools()).tools.map(({ name }) => name);
    assert.deepEqual(names.toSorted(), [
      'explain',
      'file_list',
      'file_read',
      'network_log',
      'provider_list',
      'sandbox_get',
      'sandbox_list',
      'secret_list',
    ]);
  });

  it('over HTTP it answers nobody without the token, no page of another origin, and no foreign host name', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const ask = (headers: Record<string, string>, path = '') =>
      fetch(http.url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
    const authorization = `Bearer ${httpToken}`;
    for (const wrong of [{}, { authorization: 'Bearer x' }, { authorization: `${authorization}x` }]) {
      const refused = await ask(wrong);
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    assert.equal((await ask({ authorization, origin: 'https://evil.example' })).status, 403);
    assert.equal((await ask({ authorization, origin: 'null' })).status, 403);
    assert.equal((await ask({ authorization }, '/elsewhere')).status, 404);
    assert.equal((await ask({ authorization, 'mcp-session-id': 'made-up' })).status, 404);
    const foreign = await rig.run('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--noproxy',
      '*',
      '-X',
      'POST',
      '-d',
      body,
      '-H',
      'Host: evil.example',
      '-H',
      `Authorization: ${authorization}`,
      http.url,
    ]);
    assert.equal(foreign.stdout, '403');
  });

  it('has a guide to read and a prompt', async (t) => {
    const mcp = await overStdio(rig.server, 'auto');
    t.after(() => mcp.stop());
    const { contents } = await mcp.client.readResource({ uri: 'standin://guide' });
    assert.match(JSON.stringify(contents), /credential_host_mismatch/);
    const { messages } = await mcp.client.getPrompt({
      name: 'why_refused',
      arguments: { sandbox_id: '00000000-0000-4000-8000-000000000000' },
    });
    assert.match(JSON.stringify(messages), /network_log/);
  });

  /** Every tool that there is, on a real sandbox. Answers the tokens that the sandbox had meanwhile. */
  async function driveEveryTool(mcp: McpRig): Promise<string[]> {
    const used = new Set<string>();
    const call = (name: string, input: Record<string, unknown> = {}) => {
      used.add(name);
      return mcp.call(name, input);
    };
    const { secrets } = await call('secret_list');
    assert.deepEqual(new Set(Array.isArray(secrets) ? secrets.map(({ name }) => name) : []), new Set(['own', 'other']));
    assert.ok(JSON.stringify(await call('provider_list', { search: 'anthropic' })).includes('api.anthropic.com'));

    const { id, status } = await call('sandbox_create', { name: 'agent', secrets: { TOKEN: 'own' } });
    assert.equal(status, 'active');
    const sandbox = { sandbox_id: id };
    const tokens: string[] = [];
    const keepTokens = async () => {
      const { access_token: token } = await rig.server.client.sandboxes.get(String(id));
      tokens.push(token);
    };
    await keepTokens();
    assert.ok(JSON.stringify(await call('sandbox_list')).includes(String(id)));

    const earlier = rig.upstream.requests.length;
    const swapped = await call('exec', { ...sandbox, command: line });
    assert.deepEqual([swapped['exit_code'], swapped['stdout']], [0, 'hello']);
    assert.equal(rig.upstream.requests.length, earlier + 1);
    const refused = await call('exec', { ...sandbox, command: line.replace(upstreamHost, 'other.example.com') });
    assert.match(String(refused['stdout']), /credential_host_mismatch/);
    // What is in the sandbox is a stand-in, whatever a command prints.
    const printed = await call('exec', {
      ...sandbox,
      command: 'env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"',
    });
    assert.match(String(printed['stdout']), /TOKEN=/);

    await call('file_write', { ...sandbox, path: '/tmp/a/text', content: 'héllo' });
    await call('file_write', { ...sandbox, path: '/tmp/a/bytes', content: '/wAB', encoding: 'base64' });
    const text = await call('file_read', { ...sandbox, path: '/tmp/a/text', max_bytes: 3 });
    assert.deepEqual([text['content'], text['bytes'], text['truncated']], ['hé', 3, true]);
    const bytes = await call('file_read', { ...sandbox, path: '/tmp/a/bytes', offset: 1 });
    assert.deepEqual([bytes['content'], bytes['encoding'], bytes['truncated']], ['AAE=', 'base64', false]);
    const { entries } = await call('file_list', { ...sandbox, path: '/tmp/a' });
    assert.deepEqual(Array.isArray(entries) ? entries.map(({ name }) => name) : [], ['bytes', 'text']);

    await call('secret_attach', { ...sandbox, env_key: 'MORE', secret_name: 'other' });
    assert.match(JSON.stringify(await call('sandbox_get', sandbox)), /MORE/);
    await call('secret_detach', { ...sandbox, env_key: 'MORE' });

    assert.equal((await call('sandbox_pause', sandbox))['status'], 'paused');
    assert.equal((await call('sandbox_resume', sandbox))['status'], 'active');
    await keepTokens();
    await call('sandbox_pause', sandbox);
    assert.equal((await call('exec', { ...sandbox, command: 'echo awake' }))['stdout'], 'awake\n');
    await keepTokens();

    await waitUntil(
      async () => JSON.stringify(await call('network_log', sandbox)).includes('credential_host_mismatch'),
      { what: 'the refusal in the log', withinMs: 20_000 },
    );
    const log = JSON.stringify(await call('network_log', sandbox));
    assert.match(log, /a stand-in was sent to a host/);
    const { rows } = await call('network_log', sandbox);
    const refusedRow = (Array.isArray(rows) ? rows : []).find(
      ({ error_code: code }) => code === 'credential_host_mismatch',
    );
    const explained = await call('explain', { request_id: refusedRow.id });
    assert.match(JSON.stringify(explained), /"env_key":"TOKEN"[^]*"swapped":false[^]*credential_host_mismatch/);
    const tested = await call('secret_test', { secret_name: 'own', url: `https://${upstreamHost}/` });
    assert.equal(tested['host'], upstreamHost);
    await call('sandbox_delete', sandbox);
    await call('sandbox_delete', sandbox);
    const there = (await mcp.client.listTools()).tools.map(({ name }) => name);
    assert.deepEqual([...used].toSorted(), there.toSorted());
    return tokens;
  }
});

/** The names of all fields of a JSON schema, at any depth. */
function fieldsOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'properties' in schema ? Object.keys(Object(schema.properties)) : [];
  return [...own, ...Object.values(schema).flatMap((each: unknown) => fieldsOf(each))];
}
