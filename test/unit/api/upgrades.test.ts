import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { SandboxWithAccess } from '../../../src/client/client.ts';
import { dataPlane } from '../../support/file-api.ts';
import { dataplaneDomain, eventually, sendRaw, startServer } from './harness.ts';
import { groupAlive } from './process-driver.ts';

/** The head of a WebSocket's handshake, to be written by hand. */
function handshake({ id, access_token: token }: SandboxWithAccess): string[] {
  return [
    'GET /exec/connect HTTP/1.1',
    `Host: boxd-${id}.${dataplaneDomain}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: superserve.exec.v1, token.${token}`,
  ];
}

function lines(...each: string[]): string {
  return `${each.join('\r\n')}\r\n\r\n`;
}

test('a handshake behind requests that are still being answered waits for its turn', async (t) => {
  const release = Promise.withResolvers<void>();
  const server = await startServer(t, {
    wrap: (vault) => ({
      ...vault,
      secrets: { ...vault.secrets, list: (caller) => release.promise.then(() => vault.secrets.list(caller)) },
    }),
  });
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const list = lines('GET /secrets HTTP/1.1', 'Host: localhost', `X-API-Key: ${server.apiKey}`);
  const health = lines('GET /health HTTP/1.1', 'Host: localhost');
  const good = lines(...handshake(sandbox));
  const bad = lines(...handshake({ ...sandbox, access_token: 'wrong' }));

  const socket = connect(server.port, '127.0.0.1');
  // All of it at once, as one that saw the end of an answer before the server did.
  socket.write(list + health + good);
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  await server.client.health();
  assert.equal(Buffer.concat(heard).length, 0);
  release.resolve();
  await eventually(() => /101 Switching/.test(String(Buffer.concat(heard))), 'the handshake is answered');
  const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  assert.deepEqual(statuses(String(Buffer.concat(heard))), ['200', '200', '101']);
  socket.destroy();

  assert.deepEqual(statuses(await sendRaw(server, health + health + bad)), ['200', '200', '401']);
});

test('a command whose answer waits for its turn before a handshake ends when its client goes', async (t) => {
  const server = await startServer(t, {
    drainMs: 50,
    wrap: (vault) => ({ ...vault, secrets: { ...vault.secrets, list: () => new Promise(() => undefined) } }),
  });
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const list = ['GET /secrets HTTP/1.1', 'Host: localhost', `X-API-Key: ${server.apiKey}`];
  const body = '{"command":"sleep 300"}';
  const access = Object.entries(dataPlane(sandbox)).map((header) => header.join(': '));
  const json = ['Content-Type: application/json', `Content-Length: ${body.length}`];
  const exec = ['POST /exec HTTP/1.1', 'Host: localhost', ...access, ...json];
  const socket = connect(server.port, '127.0.0.1');
  socket.write(lines(...list) + lines(...exec) + body + lines(...handshake(sandbox)));
  await eventually(() => server.driver.started.length > 0, 'the command runs');
  socket.destroy();
  for (const pid of server.driver.started) await eventually(() => !groupAlive(pid), 'the group is gone');
});
