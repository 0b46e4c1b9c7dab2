import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { TunnelRefused, connectPlain } from '../support/proxy-client.ts';
import { sized } from '../support/replies.ts';

/** Row 23: the limits of one sandbox are refusals that name them, and no limits of another. One worker. */
const host = 'api.example.com';
let rig: EgressRig;

before(async () => {
  rig = await startEgressRig({
    names: [host],
    server: {
      env: {
        STANDIN_EGRESS_WORKERS: '1',
        STANDIN_EGRESS_MAX_CONNECTIONS: '3',
        STANDIN_EGRESS_MAX_REQUESTS: '20',
        STANDIN_EGRESS_MAX_BYTES: '1000000',
      },
    },
  });
});
after(async () => {
  await rig?.stop();
});

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

test('a connection too many is refused, and one is to be had when another was closed', async () => {
  const sandbox = await rig.sandbox();
  const open = [await sandbox.connect(host), await sandbox.connect(host), await sandbox.connect(host)];
  await assert.rejects(sandbox.connect(host), (error) => {
    assert.ok(error instanceof TunnelRefused);
    assert.deepEqual([error.response.status, error.response.header('x-standin-error')], [429, 'too_many_connections']);
    return true;
  });
  const other = await rig.sandbox();
  (await other.connect(host)).close();
  const [first, ...rest] = open;
  first?.close();
  for (;;) {
    const again = await sandbox.connect(host).catch((error: unknown) => error);
    if (again instanceof TunnelRefused) continue;
    assert.ok(!(again instanceof Error));
    break;
  }
  for (const connection of rest) connection.close();
});

test('requests too many in a second are answered 429 with the time to wait, and nothing of them is sent', async () => {
  const sandbox = await rig.sandbox();
  const connection = await sandbox.connect(host);
  connection.send(get('/many').repeat(60));
  const statuses: number[] = [];
  for (let request = 0; request < 60; request++) {
    const response = await connection.response();
    statuses.push(response.status);
    if (response.status !== 429) continue;
    assert.equal(response.header('x-standin-error'), 'rate_limited');
    assert.equal(response.header('retry-after'), '1');
  }
  assert.ok(statuses.filter((each) => each === 429).length > 0);
  assert.equal(rig.requestsFor('/many').length, statuses.filter((each) => each === 200).length);
  connection.close();
});

test('requests that name their host and sandbox themselves are counted all the same, over all connections', async () => {
  const { access } = await rig.sandbox();
  const ask = `GET https://${host}/absolute HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${access.authorization}\r\n\r\n`;
  const statuses: number[] = [];
  for (let count = 0; count < 6; count++) {
    const connection = await connectPlain(access);
    connection.send(ask.repeat(10));
    for (let request = 0; request < 10; request++) statuses.push((await connection.response()).status);
    connection.close();
  }
  assert.ok(statuses.includes(429), statuses.join(' '));
  assert.equal(rig.requestsFor('/absolute').length, statuses.filter((each) => each === 200).length);
});

test('bytes too many in a second wait, and come whole', async () => {
  const sandbox = await rig.sandbox();
  const connection = await sandbox.connect(host);
  const content = Buffer.alloc(3_000_000, 'x');
  rig.answer('/large', () => sized(200, content));
  connection.send(get('/large'));
  assert.ok((await connection.response()).body.content.equals(content));
  connection.close();
});
