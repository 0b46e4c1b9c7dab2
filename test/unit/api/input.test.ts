import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerSecret, keyed, send, startServer } from './harness.ts';
import type { Server } from './harness.ts';

const long = (length: number) => 'x'.repeat(length);
const many = (count: number, entry: (index: number) => [string, unknown]) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => entry(index)));

/** Each: what is changed in a request that would be accepted, and what the refusal must say first. */
const badSecrets: [what: string, change: Record<string, unknown>, message: RegExp][] = [
  ['no name', { name: undefined }, /^name: is required/],
  ['a name that is a number', { name: 5 }, /^name: must be a string, not a number/],
  ['an empty name', { name: '' }, /^name: must be 1 to 128 letters/],
  ['a name that begins with a digit', { name: '1abc' }, /^name: must be 1 to 128 letters/],
  ['a name with a space', { name: 'a b' }, /^name: must be 1 to 128 letters/],
  ['a name with a trailing line feed', { name: 'abc\n' }, /^name: must be 1 to 128 letters/],
  ['a name of 129 characters', { name: long(129) }, /^name: must be 1 to 128 letters/],
  ['no value', { value: undefined }, /^value: is required/],
  ['an empty value', { value: '' }, /^value: must be 1 to 8192 bytes/],
  ['a value of 8193 bytes', { value: long(8193) }, /^value: must be 1 to 8192 bytes/],
  ['a value of 4097 characters but 8194 bytes', { value: 'é'.repeat(4097) }, /^value: must be 1 to 8192 bytes/],
  ['a value with CR', { value: 'a\rb' }, /^value: must be .* without CR, LF or NUL/],
  ['a value with LF', { value: 'a\n' }, /^value: must be .* without CR, LF or NUL/],
  ['a value with NUL', { value: 'a\0b' }, /^value: must be .* without CR, LF or NUL/],
  ['a value that is an object', { value: {} }, /^value: must be a string, not an object/],
  [
    'an unknown field',
    { vaule: 'x' },
    /^unknown field "vaule" \(known here: name, value, provider, auth, hosts, on_tripwire\)/,
  ],
  ['a tripwire that does something else', { on_tripwire: 'delete' }, /^on_tripwire: must be one of alert, revoke/],
  ['an unknown provider', { auth: undefined, hosts: undefined, provider: 'anthropc' }, /^provider: .*anthropic/],
  ['a provider and an auth', { provider: 'anthropic' }, /provider|auth/],
  ['neither provider nor auth', { auth: undefined, hosts: undefined }, /auth|provider/],
  ['an auth without hosts', { hosts: undefined }, /^hosts: /],
  [
    'an auth of no known type',
    { auth: { type: 'digest' } },
    /^auth\.type: must be one of bearer, basic, api-key, custom/,
  ],
  ['an auth without a type', { auth: {} }, /^auth\.type: /],
  ['an auth that is a list', { auth: [] }, /^auth: must be an object, not an array/],
  [
    'a field of another rule',
    { auth: { type: 'bearer', header: 'X-Key' } },
    /^auth: unknown field "header" \(known here: type\)/,
  ],
  ['both forms of auth', { auth: { type: 'bearer', per_host: [] } }, /^auth: .*never both/],
  ['an api-key rule without a header', { auth: { type: 'api-key' } }, /^auth\.header: is required/],
  ['a header that is no token', { auth: { type: 'api-key', header: 'X Key' } }, /^auth\.header: /],
  ['a header that frames the message', { auth: { type: 'api-key', header: 'Content-Length' } }, /^auth\.header: /],
  ['a user name with a colon', { auth: { type: 'basic', username: 'a:b' } }, /^auth\.username: /],
  ['no custom header', { auth: { type: 'custom', headers: {} } }, /^auth\.headers: must name 1 to 8 headers/],
  [
    'nine custom headers',
    { auth: { type: 'custom', headers: many(9, (i) => [`X-${i}`, '{{ value }}']) } },
    /^auth\.headers: must name 1 to 8/,
  ],
  ['a template without the value', { auth: { type: 'custom', headers: { 'X-Key': 'static' } } }, /^auth\.headers/],
  ['no rule per host', { auth: { per_host: [] } }, /^auth\.per_host: must list 1 to 16 rules/],
  [
    'a rule per host without hosts',
    { auth: { per_host: [{ type: 'bearer' }] } },
    /^auth\.per_host\.0\.hosts: is required/,
  ],
  [
    'a rule per host of a host not listed',
    { auth: { per_host: [{ hosts: ['b.example.com'], type: 'bearer' }] } },
    /^auth\.per_host/,
  ],
  ['a list of hosts that is a string', { hosts: 'api.example.com' }, /^hosts: must be an array, not a string/],
  ['no hosts at all', { hosts: [] }, /^hosts: must list 1 to 16 hosts/],
  ['17 hosts', { hosts: Array.from({ length: 17 }, (_, i) => `h${i}.example.com`) }, /^hosts: must list 1 to 16 hosts/],
  ['a host with a scheme', { hosts: ['https://api.example.com'] }, /^hosts\.0: /],
  ['a host that is an address', { hosts: ['127.0.0.1'] }, /^hosts\.0: /],
  ['a wildcard over a public suffix', { hosts: ['*.github.io'] }, /^hosts\.0: /],
];

const badSandboxes: [what: string, change: Record<string, unknown>, message: RegExp][] = [
  ['no name', { name: undefined }, /^name: is required/],
  ['an empty name', { name: '' }, /^name: must be/],
  ['a name of 65 characters', { name: long(65) }, /^name: must be 1 to 64 characters/],
  ['secrets that are a list', { secrets: [] }, /^secrets: must be an object, not an array/],
  [
    'a variable that begins with a digit',
    { secrets: { '1A': 'x' } },
    /^secrets\.1A: the name must be the name of a variable/,
  ],
  ['a variable with a dash', { env_vars: { 'A-B': 'x' } }, /^env_vars\.A-B: the name must be/],
  ['a variable that is a number', { env_vars: { A: 1 } }, /^env_vars\.A: must be a string, not a number/],
  ['a variable with NUL', { env_vars: { A: 'a\0' } }, /^env_vars\.A: must be .* without NUL/],
  ['an unknown secret', { secrets: { A: 'nothing' } }, /^secrets\.A: .*nothing/],
  ['65 secrets', { secrets: many(65, (i) => [`K${i}`, 'known']) }, /^secrets: must bind 64 secrets or fewer/],
  ['a key in both maps', { secrets: { A: 'known' }, env_vars: { A: 'x' } }, /\bA\b/],
  ['65 metadata keys', { metadata: many(65, (i) => [`k${i}`, 'v']) }, /^metadata: must have 64 keys or fewer/],
  ['a metadata key of 257 bytes', { metadata: { [long(257)]: 'v' } }, /^metadata\.x+: the name must be 1 to 256 bytes/],
  ['a metadata value of 2049 bytes', { metadata: { k: 'é'.repeat(1025) } }, /^metadata\.k: must be 0 to 2048 bytes/],
  [
    '16385 bytes of metadata',
    { metadata: many(9, (i) => [`k${i}`, long(2000)]) },
    /^metadata: must be 16384 bytes or fewer in all/,
  ],
  [
    'a reserved metadata prefix',
    { metadata: { 'superserve.x': 'v' } },
    /^metadata\.superserve\.x: the name must not start with/,
  ],
  [
    'another reserved prefix',
    { metadata: { _superserve_x: 'v' } },
    /^metadata\._superserve_x: the name must not start with/,
  ],
  ['a timeout of 0', { timeout_seconds: 0 }, /^timeout_seconds: must be a whole number from 1 to 604800/],
  ['a timeout with a fraction', { timeout_seconds: 1.5 }, /^timeout_seconds: must be a whole number/],
  ['a timeout that is a string', { timeout_seconds: '60' }, /^timeout_seconds: must be a whole number/],
  ['a timeout over a week', { timeout_seconds: 604_801 }, /^timeout_seconds: must be a whole number/],
  [
    'a negative auto-delete',
    { auto_delete_seconds: -1 },
    /^auto_delete_seconds: must be a whole number from 0 to 2592000/,
  ],
  [
    'an unknown network field',
    { network: { allow: [] } },
    /^network: unknown field "allow" \(known here: allow_out, deny_out, intercept, tunnel_out\)/,
  ],
  ['a domain in deny_out', { network: { deny_out: ['example.com'] } }, /^network\.deny_out/],
  ['an unknown driver', { driver: 'docker' }, /^driver: /],
  ['a relative mount', { mounts: [{ source: 'src', target: '/src' }] }, /^mounts\.0\.source: must be an absolute path/],
  [
    'a mount with an unknown field',
    { mounts: [{ source: '/a', target: '/a', ro: true }] },
    /^mounts\.0: unknown field "ro"/,
  ],
  ['an unknown field', { image: 'debian' }, /^unknown field "image"/],
];

const badQueries: [path: string, message: RegExp][] = [
  ['/secrets/known/audit?limit=0', /^limit: must be a whole number from 1 to 200/],
  ['/secrets/known/audit?limit=201', /^limit: must be a whole number from 1 to 200/],
  ['/secrets/known/audit?limit=ten', /^limit: must be a whole number from 1 to 200/],
  ['/secrets/known/audit?limit=1e2', /^limit: must be a whole number/],
  ['/secrets/known/audit?limit=1&limit=2', /^limit: must be a whole number/],
  ['/secrets/known/audit?before=-1', /^before: must be a whole number of 1 or more/],
  ['/secrets/known/audit?status=200', /^status: must be one of 2xx, 3xx, 4xx, 5xx, errors/],
  ['/secrets/known/audit?stauts=5xx', /^unknown field "stauts" \(known here: limit, before, status, kind\)/],
  ['/secrets/known/audit?kind=gap', /^kind: must be one of request, tripwire, all/],
  ['/sandboxes?status=running', /^status: must be one of active, paused, resuming, failed/],
  ['/sandboxes?offset=-1', /^offset: must be a whole number of 0 or more/],
  ['/sandboxes?metadata=x', /^metadata: must be an object, not a string/],
  ['/providers?limit=1', /^unknown field "limit" \(none is taken here\)/],
  ['/secrets?limit=0', /^limit: must be a whole number from 1 to 200/],
  ['/secrets?sort=size', /^sort: must be `name`, `created_at` or `last_used_at`/],
  ['/secrets?before=x', /^before: must be the X-Next-Cursor of a page with the same `sort`/],
  ['/requests?verdict=maybe', /^verdict: must be one of allowed, blocked, failed/],
  ['/activity?window=2h', /^window: must be `1h`, `24h` or `7d`/],
];

test('bad input', async (t) => {
  const server = await startServer(t);
  await server.client.secrets.create({ ...bearerSecret, name: 'known' });

  for (const [what, change, message] of badSecrets) {
    await t.test(`a secret with ${what} is refused with 400 that names the field, and nothing is stored`, async () => {
      const body = { ...bearerSecret, ...change };
      await refusedWith(server, { path: '/secrets', body }, message);
      assert.equal((await server.client.secrets.list()).length, 1);
    });
  }

  for (const [what, change, message] of badSandboxes) {
    await t.test(`a sandbox with ${what} is refused with 400 that names the field, and nothing is made`, async () => {
      await refusedWith(server, { path: '/sandboxes', body: { name: 'box', ...change } }, message);
      assert.deepEqual(await server.client.sandboxes.list(), []);
    });
  }

  for (const [path, message] of badQueries) {
    await t.test(`GET ${path} is refused with 400 that names the parameter`, async () => {
      const reply = await send(server, 'GET', { path, headers: keyed(server) });
      assert.equal(reply.status, 400, reply.text);
      assert.match(reply.error().message, message);
    });
  }

  await t.test('a body that is no object is refused', async () => {
    for (const body of ['[]', '"x"', '5', 'null', 'true']) {
      await refusedWith(server, { path: '/secrets', body }, /^must be an object, not/);
    }
  });

  await t.test('a missing body is refused as such', async () => {
    const headers = { ...keyed(server), 'content-type': 'application/json' };
    const reply = await send(server, 'POST', { path: '/secrets', headers });
    assert.equal(reply.status, 400, reply.text);
    assert.match(reply.error().message, /^is required|the request body/);
  });

  await t.test('a field given twice is refused by name, and neither value is stored', async () => {
    const body = '{"name":"twice","value":"one","value":"two","provider":"anthropic"}';
    await refusedWith(server, { path: '/secrets', body }, /^"value": is given twice/);
    assert.equal((await server.client.secrets.list()).length, 1);
  });

  await t.test('malformed JSON is refused without a word of it', async () => {
    const reply = await send(server, 'POST', { path: '/secrets', headers: keyed(server), body: '{"value":"hunter2' });
    assert.equal(reply.status, 400);
    assert.doesNotMatch(reply.text, /hunter2/);
  });

  await t.test('a call that takes no body takes an empty one, and names what it does not know', async () => {
    const { id } = await server.client.sandboxes.create({ name: 'box', driver: 'external' });
    const path = `/sandboxes/${id}/egress-token`;
    const refusal = await send(server, 'POST', { path, headers: keyed(server), body: { ttl: 5 } });
    assert.equal(refusal.status, 400);
    assert.match(refusal.error().message, /^unknown field "ttl"/);
    for (const body of [undefined, '', '{}']) {
      const headers = { ...keyed(server), 'content-type': 'application/json' };
      const reply = await send(server, 'POST', { path, headers, body });
      assert.equal(reply.status, 200, reply.text);
    }
    const headers = { ...keyed(server), 'content-type': 'application/json' };
    assert.equal((await send(server, 'DELETE', { path: `/sandboxes/${id}`, headers })).status, 204);
  });

  await t.test('limits count bytes of UTF-8 where the contract says bytes: 8192 of them are accepted', async () => {
    const secret = await server.client.secrets.create({ ...bearerSecret, name: 'wide', value: 'é'.repeat(4096) });
    assert.equal(secret.name, 'wide');
    await server.client.secrets.remove('wide');
  });

  await t.test('what cannot be a name or an id is 404, as what does not exist', async () => {
    for (const path of [
      '/secrets/1bad',
      '/secrets/a%20b',
      `/secrets/${'x'.repeat(200)}`,
      '/sandboxes/42',
      '/secrets/none',
    ]) {
      const reply = await send(server, 'GET', { path, headers: keyed(server) });
      assert.equal(reply.status, 404, path);
      assert.equal(reply.error().code, 'not_found');
    }
  });
});

async function refusedWith(server: Server, call: { path: string; body: unknown }, message: RegExp): Promise<void> {
  const reply = await send(server, 'POST', { ...call, headers: keyed(server) });
  assert.equal(reply.status, 400, reply.text);
  const error = reply.error();
  assert.equal(error.code, 'bad_request');
  assert.match(error.message, message);
}
