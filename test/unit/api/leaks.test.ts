import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/crypto/secret.ts';
import { StandinError } from '../../../src/errors.ts';
import { dataPlane } from '../../support/file-api.ts';
import { bearerSecret, keyed, send, sendRaw, startServer } from './harness.ts';

const marker = 'MARKER-4f1c9a7e-real-value';

test('a value is in no answer and no log line, whatever is wrong with the request that holds it', async (t) => {
  const server = await startServer(t);
  const { client } = server;
  const answers: string[] = [];
  const post = async (body: unknown, headers: Record<string, string> = {}) => {
    const reply = await send(server, 'POST', { path: '/secrets', headers: { ...keyed(server), ...headers }, body });
    answers.push(reply.text);
    return reply.status;
  };
  const good = { ...bearerSecret, value: marker };
  assert.equal(await post(good), 201);
  assert.equal(await post(good), 409);
  assert.equal(await post({ ...good, name: 'other', hosts: ['*.com'] }), 400);
  assert.equal(await post({ ...good, name: '' }), 400);
  assert.equal(await post({ ...good, value: `${marker}\n` }), 400);
  assert.equal(await post({ ...good, value: marker.repeat(1000) }), 400);
  assert.equal(await post({ ...good, value: { nested: marker } }), 400);
  assert.equal(await post({ ...good, value: [marker] }), 400);
  assert.equal(await post({ ...good, auth: { type: marker } }), 400);
  assert.equal(await post(`{"value":"${marker}"`), 400);
  assert.equal(await post(`{"value":"${marker}","value":"${marker}"}`), 400);
  assert.equal(await post(`{"value":${marker}}`), 400);
  assert.equal(await post(`"${marker}"`), 400);
  assert.equal(await post(good, { 'content-type': 'text/plain' }), 415);
  assert.equal(await post(JSON.stringify(good).padEnd(70_000)), 413);
  answers.push(JSON.stringify(await client.secrets.rotate(good.name, `${marker}-2`)));
  answers.push(
    (
      await send(server, 'PATCH', {
        path: `/secrets/${good.name}`,
        headers: keyed(server),
        body: `{"value":"${marker}`,
      })
    ).text,
  );
  answers.push(JSON.stringify(await client.secrets.list()));
  const sandbox = await client.sandboxes.create({ name: 'box', secrets: { KEY: good.name } });
  answers.push(JSON.stringify(sandbox), JSON.stringify(await client.sandboxes.get(sandbox.id)));
  answers.push(JSON.stringify(await client.exec(sandbox, { command: 'env' })));
  answers.push((await send(server, 'GET', { path: `/nowhere/${marker}?key=${marker}`, headers: keyed(server) })).text);
  answers.push((await send(server, 'GET', { path: `/secrets?key=${marker}`, headers: keyed(server) })).text);
  answers.push(await sendRaw(server, `GET /secrets\t${marker} HTTP/1.1\r\n\r\n`));
  const everything = answers.join('\n');
  assert.ok(everything.includes('standin'), 'the stand-in was seen, so the right thing was looked at');
  assert.ok(!everything.includes(marker), everything.slice(everything.indexOf(marker) - 300));
  assert.ok(server.logged().includes('createSecret'));
  assert.ok(!server.logged().includes(marker));
});

test('a value is in no answer and no log line when the vault itself fails', async (t) => {
  const failures = [
    new StandinError('unavailable', 'the key service does not answer'),
    new Error('it broke'),
    new TypeError('cannot read properties of undefined'),
  ];
  let seen: unknown;
  const server = await startServer(t, {
    wrap: (vault) => ({
      ...vault,
      secrets: {
        ...vault.secrets,
        create: (_caller, input) => {
          seen = input.value;
          const error = failures.pop() ?? new Error('no more');
          return Promise.reject(Object.assign(error, { input }));
        },
      },
    }),
  });
  for (const status of [500, 500, 503]) {
    const body = { ...bearerSecret, value: marker };
    const reply = await send(server, 'POST', { path: '/secrets', headers: keyed(server), body });
    assert.equal(reply.status, status);
    assert.doesNotMatch(reply.text, new RegExp(marker));
  }
  assert.ok(seen instanceof Secret, 'the vault is handed a Secret');
  assert.match(server.logged(), /it broke/);
  assert.ok(!server.logged().includes(marker));
});

test('no credential and no query string is logged', async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box', driver: 'external' });
  await send(server, 'GET', { path: '/sandboxes?metadata.customer=MARKER-query', headers: keyed(server) });
  await send(server, 'GET', { path: '/secrets', headers: { 'x-api-key': 'MARKER-key' } });
  const body = { command: 'echo MARKER-command' };
  await send(server, 'POST', { path: '/exec', headers: dataPlane(sandbox), body });
  await send(server, 'POST', {
    path: '/exec',
    headers: dataPlane({ id: sandbox.id, access_token: 'MARKER-token' }),
    body,
  });
  const log = server.logged();
  assert.ok(log.includes('listSandboxes') && log.includes('"operation":"exec"'), log);
  for (const secret of ['MARKER', server.apiKey, sandbox.access_token, new URL(sandbox.egress.proxy_url).password]) {
    assert.ok(!log.includes(secret), secret);
  }
});
