import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { RowReader } from '../support/connection-rows.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { readBytes } from '../support/http-bytes.ts';
import type { ByteReader } from '../support/http-bytes.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { sized } from '../support/replies.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const api = 'api.example.com';
const other = 'www.example.org';
let rig: EgressRig;
let rows: RowReader;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [api, other] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [api] });
  rows = await RowReader.open(rig);
  rig.answer('/', () => sized(200, 'reached'));
});
after(async () => {
  await rows?.close();
  await rig?.stop();
});

/** User name and password as the proxy URL has them. */
function credentialsOf(sandbox: RigSandbox): { user: string; password: string } {
  const [user = '', password = ''] = Buffer.from(sandbox.access.authorization?.split(' ')[1] ?? '', 'base64')
    .toString()
    .split(':');
  return { user, password };
}

const field = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);

/** A connection to the proxy that has said this, and what is answered. */
async function say(...parts: Buffer[]): Promise<{ socket: Socket; reader: ByteReader }> {
  const socket = connectTcp({ host: '127.0.0.1', port: rig.server.proxyPort });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  const reader = readBytes(socket);
  socket.write(Buffer.concat(parts));
  return { socket, reader };
}

function opening({ user, password }: { user: string; password: string }): Buffer {
  return Buffer.concat([Buffer.from([5, 1, 2, 1]), field(user), field(password)]);
}

const request = (host: string, port = 443) =>
  Buffer.concat([Buffer.from([5, 1, 0, 3]), field(host), Buffer.from([port >> 8, port & 255])]);

describe('curl', { skip: skipWithout('curl') }, () => {
  async function curl(
    sandbox: RigSandbox,
    host: string,
    lines: string[] = [],
  ): Promise<{ code: number | null; stdout: string }> {
    const directory = temporaryDirectory('curl');
    try {
      const ca = join(directory.path, 'ca.pem');
      writeFileSync(ca, sandbox.ca);
      const { user, password } = credentialsOf(sandbox);
      return await runProgram('curl', [
        '--silent',
        '--socks5-hostname',
        `127.0.0.1:${rig.server.proxyPort}`,
        '--proxy-user',
        `${user}:${password}`,
        '--cacert',
        ca,
        ...lines.flatMap((line) => ['--header', line]),
        `https://${host}/`,
      ]);
    } finally {
      directory.remove();
    }
  }

  test('reaches a host by SOCKS with names resolved here, and its stand-in is swapped', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' });
    const { code, stdout } = await curl(sandbox, api, [`Authorization: Bearer ${sandbox.standIn('KEY')}`]);
    assert.deepEqual([code, stdout], [0, 'reached']);
    const headers = rig.requestsFor('/').at(-1)?.head.headers;
    assert.equal(headers?.find(([name]) => name === 'Authorization')?.[1], `Bearer ${value}`);
    const row = await rows.only(sandbox.id);
    assert.deepEqual([row.host, row.verdict, row.dstIp], [api, 'allowed', '127.0.0.1']);
  });

  test('is refused where the rules do not allow the host', async () => {
    const sandbox = await rig.sandbox({}, { network: { allow_out: [api] } });
    assert.equal((await curl(sandbox, other)).code, 97);
    assert.equal((await rows.only(sandbox.id)).verdict, 'blocked');
    assert.equal((await curl(sandbox, api)).stdout, 'reached');
  });
});

describe('SOCKS 5 on the port of the proxy', () => {
  test('bytes one by one, and everything ahead of its answer, come to the same', async () => {
    const sandbox = await rig.sandbox();
    const bytes = Buffer.concat([opening(credentialsOf(sandbox)), request(api, 80)]);
    const ahead = Buffer.from(`GET / HTTP/1.1\r\nHost: ${api}\r\n\r\n`);
    for (const pieces of [[Buffer.concat([bytes, ahead])], [...bytes, ...ahead].map((byte) => Buffer.from([byte]))]) {
      const { socket, reader } = await say();
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual([...(await reader.exactly(4))], [5, 2, 1, 0]);
      assert.deepEqual([...(await reader.exactly(10))], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      assert.match((await reader.until('\r\n')).toString(), /^HTTP\/1\.1 502 /, 'nobody serves port 80 there');
      socket.destroy();
    }
  });

  test('the tunnel is that of a CONNECT: TLS is ended here for the name that was asked for', async () => {
    const sandbox = await rig.sandbox();
    const socket = connectTcp({ host: '127.0.0.1', port: rig.server.proxyPort });
    await once(socket, 'connect');
    socket.write(Buffer.concat([opening(credentialsOf(sandbox)), request(api)]));
    let answered = 0;
    while (answered < 14) answered += socket.read()?.length ?? (await once(socket, 'readable'), 0);
    const tls = connectTls({ socket, servername: api, ca: sandbox.ca });
    await once(tls, 'secureConnect');
    tls.destroy();
  });

  test('wrong credentials get a failure and the end; ten of them hold back more, as with 407', async () => {
    const sandbox = await rig.sandbox();
    const { user } = credentialsOf(sandbox);
    for (let guess = 0; guess < 15; guess++) {
      const { reader } = await say(opening({ user, password: `guess-${guess}` }));
      assert.deepEqual([...(await reader.toEnd())], [5, 2, 1, 1]);
    }
    const { reader } = await say(opening(credentialsOf(sandbox)));
    assert.deepEqual([...(await reader.toEnd())], [5, 2, 1, 1], 'a right guess is not told from a wrong');
    const found = await rows.expect(sandbox.id, 2);
    assert.deepEqual(
      found.map(({ matchRule }) => matchRule),
      ['proxy_auth_required', 'rate_limited'],
    );
  });

  test('no authentication on offer is 0xFF; a refused host is 0x02, BIND 0x07; SOCKS 4 is rejected', async () => {
    const sandbox = await rig.sandbox({}, { network: { allow_out: [api] } });
    const none = await say(Buffer.from([5, 1, 0]));
    assert.deepEqual([...(await none.reader.toEnd())], [5, 0xff]);
    const denied = await say(opening(credentialsOf(sandbox)), request(other));
    assert.deepEqual([...(await denied.reader.toEnd())], [5, 2, 1, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
    const bind = await say(opening(credentialsOf(sandbox)), Buffer.from([5, 2, 0, 1, 1, 2, 3, 4, 0, 80]));
    assert.deepEqual([...(await bind.reader.toEnd())].slice(4, 6), [5, 7]);
    const old = await say(Buffer.from([4, 1, 0, 80, 1, 2, 3, 4, 0]));
    assert.deepEqual([...(await old.reader.toEnd())], [0, 0x5b, 0, 0, 0, 0, 0, 0]);
  });

  test('a private address is refused before anything is dialled', async () => {
    const sandbox = await rig.sandbox();
    for (const [type, address] of [
      [1, Buffer.from([127, 0, 0, 1])],
      [1, Buffer.from([169, 254, 169, 254])],
      [4, Buffer.from('00000000000000000000ffff7f000001', 'hex')],
      [3, field('127.0.0.1')],
    ] as const) {
      const asked = Buffer.concat([Buffer.from([5, 1, 0, type]), address, Buffer.from([1, 187])]);
      const { reader } = await say(opening(credentialsOf(sandbox)), asked);
      assert.deepEqual([...(await reader.toEnd())].slice(4, 6), [5, 2]);
    }
    const found = await rows.expect(sandbox.id, 4);
    assert.deepEqual([...new Set(found.map(({ matchRule }) => matchRule))], ['address guard']);
  });

  test('a deleted sandbox is refused as not allowed', async () => {
    const sandbox = await rig.sandbox();
    await rig.server.client.sandboxes.remove(sandbox.id);
    const { reader } = await say(opening(credentialsOf(sandbox)), request(api));
    assert.deepEqual([...(await reader.toEnd())].slice(4, 6), [5, 2]);
  });
});
