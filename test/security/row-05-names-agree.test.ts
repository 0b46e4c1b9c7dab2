import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { connectPlain, openTunnel, TunnelRefused } from '../support/proxy-client.ts';
import type { RawConnection, RawResponse } from '../support/proxy-client.ts';
import { skipWithout } from '../support/processes.ts';

/** The key is for `host`; the attacker would have it at `evil`, or have `evil` judged and `host` dialled. */
const host = 'api.example.com';
const evil = 'evil.example.net';
let rig: EgressRig;
let sandbox: RigSandbox;
let value: string;

before(async () => {
  rig = await startEgressRig({ names: [host, evil] });
  value = await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(() => rig?.stop());

/** Sends a request with the stand-in and expects this refusal, and nothing at the upstream. */
async function assertRefused(
  connection: RawConnection,
  request: { startLine?: string; hosts: string[] },
  expected: { status: number; code: string },
): Promise<void> {
  const seen = rig.upstream.requests.length;
  const lines = request.hosts.map((each) => `Host: ${each}`);
  const credential = `Authorization: Bearer ${sandbox.standIn('KEY')}`;
  connection.send([request.startLine ?? 'GET /names HTTP/1.1', ...lines, credential, '', ''].join('\r\n'));
  assertRefusal(await connection.response(), expected);
  connection.close();
  assert.equal(rig.upstream.requests.length, seen, 'nothing reached the upstream');
}

function assertRefusal(response: RawResponse, expected: { status: number; code: string }): void {
  assert.equal(response.status, expected.status, response.body.content.toString());
  assert.equal(response.header('x-standin-error'), expected.code);
}

const misdirected = { status: 421, code: 'misdirected_request' };
const malformed = { status: 400, code: 'bad_request' };

describe('through CONNECT', () => {
  test('a request of HTTP/1.0 that names no host is sent with the one that was judged', async () => {
    for (const target of ['/nameless', `https://${host}/nameless`]) {
      const connection = await sandbox.connect(host);
      connection.send(`GET ${target} HTTP/1.0\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n\r\n`);
      assert.equal((await connection.response()).status, 200, target);
      connection.close();
    }
    for (const { head } of rig.requestsFor('/nameless'))
      assert.deepEqual(head.headers, [
        ['Host', host],
        ['Authorization', `Bearer ${value}`],
      ]);
    assert.equal(rig.requestsFor('/nameless').length, 2);
  });

  test('the same name everywhere passes, with and without the port in Host, in any case', async () => {
    for (const name of [host, `${host}:443`, host.toUpperCase()]) {
      const connection = await sandbox.connect(host);
      connection.send(`GET /same HTTP/1.1\r\nHost: ${name}\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n\r\n`);
      assert.equal((await connection.response()).status, 200, name);
      connection.close();
    }
    const received = rig
      .requestsFor('/same')
      .map(({ head }) => head.headers.find(([name]) => name === 'Authorization'));
    assert.deepEqual(
      received,
      [1, 2, 3].map(() => ['Authorization', `Bearer ${value}`]),
    );
  });

  for (const [what, hosts] of Object.entries({
    'another name in Host': [evil],
    'another port in Host': [`${host}:8443`],
    'a name below in Host': [`x.${host}`],
    'a name above in Host': ['example.com'],
    'an address in Host': ['127.0.0.1'],
  })) {
    test(`${what} is misdirected`, async () => {
      await assertRefused(await sandbox.connect(host), { hosts }, misdirected);
    });
  }

  test('the key for the Host is not sent on a connection to another host', async () => {
    await assertRefused(await sandbox.connect(evil), { hosts: [host] }, misdirected);
  });

  for (const [what, hosts] of Object.entries({
    'two Host lines that agree': [host, host],
    'two Host lines that differ': [host, evil],
    'no Host line': [],
    'an empty Host': [''],
    'userinfo in Host': [`${host}@${evil}`],
    'a list in Host': [`${host}, ${evil}`],
    'a path in Host': [`${host}/`],
    'a trailing dot in Host': [`${host}.`],
    'a port that is none in Host': [`${host}:99999`],
    'an empty port in Host': [`${host}:`],
  })) {
    test(`${what}: the request is malformed`, async () => {
      await assertRefused(await sandbox.connect(host), { hosts }, malformed);
    });
  }

  test('another name in SNI is misdirected, in both directions', async () => {
    await assertRefused(await sandbox.connect(evil, { serverName: host }), { hosts: [host] }, misdirected);
    await assertRefused(await sandbox.connect(host, { serverName: evil }), { hosts: [host] }, misdirected);
  });

  test('another port than that of CONNECT is misdirected', async () => {
    await assertRefused(await sandbox.connect(host, { port: 8443 }), { hosts: [host] }, misdirected);
  });

  test('an absolute target must be for the same scheme, host and port', async () => {
    for (const target of [`https://${evil}/`, `http://${host}/`, `https://${host}:8443/`, `http://${evil}/`]) {
      const startLine = `GET ${target} HTTP/1.1`;
      await assertRefused(await sandbox.connect(host), { startLine, hosts: [host] }, misdirected);
    }
    const connection = await sandbox.connect(host);
    connection.send(`GET https://${host}/absolute?a=1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await connection.response()).status, 200);
    assert.equal(rig.requestsFor('/absolute').at(-1)?.target, '/absolute?a=1');
    connection.close();
  });

  test('an absolute target with userinfo, or no host, is malformed', async () => {
    for (const target of [`https://${host}@${evil}/`, 'https:///', `https://${host}%00/`, `https://[${host}]/`]) {
      const startLine = `GET ${target} HTTP/1.1`;
      await assertRefused(await sandbox.connect(host), { startLine, hosts: [host] }, malformed);
    }
  });

  test('CONNECT inside of a tunnel does not open another', async () => {
    await assertRefused(
      await sandbox.connect(host),
      { startLine: `CONNECT ${evil}:443 HTTP/1.1`, hosts: [`${evil}:443`] },
      malformed,
    );
  });

  test('CONNECT whose Host names another is misdirected, and no tunnel opens', async () => {
    for (const named of [`${evil}:443`, `${host}:444`, evil]) {
      const connection = await connectPlain(sandbox.access);
      connection.send(
        `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${named}\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
      );
      assertRefusal(await connection.response('CONNECT'), misdirected);
      connection.close();
    }
  });

  test('CONNECT to what is no host and port is malformed', async () => {
    for (const target of [host, `${host}:`, `${host}:0`, `${host}:70000`, `a@${host}:443`, ':443', '2130706433:443']) {
      await assert.rejects(openTunnel(sandbox.access, target), (error) => {
        assert.ok(error instanceof TunnelRefused);
        assert.equal(error.response.status, 400, target);
        return true;
      });
    }
  });

  test('cleartext inside of a tunnel to port 443 gets no credential', async () => {
    const socket = await openTunnel(sandbox.access, `${host}:443`);
    const seen = rig.upstream.requests.length;
    const answered = new Promise<string>((resolve) =>
      socket.once('data', (bytes: Buffer) => resolve(bytes.toString())),
    );
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}:443\r\nAuthorization: Bearer ${sandbox.standIn('KEY')}\r\n\r\n`);
    assert.match(await answered, /^HTTP\/1\.1 403 .*X-Standin-Error: credential_host_mismatch/s);
    socket.destroy();
    assert.equal(rig.upstream.requests.length, seen);
  });
});

describe('in absolute form', () => {
  test('Host must name what the URL names', async () => {
    for (const named of [evil, `${host}:81`]) {
      const connection = await connectPlain(sandbox.access);
      connection.send(
        `GET https://${host}/ HTTP/1.1\r\nHost: ${named}\r\nProxy-Authorization: ${sandbox.access.authorization}\r\n\r\n`,
      );
      assertRefusal(await connection.response(), misdirected);
      connection.close();
    }
  });
});

/** What a sandbox of our own sends by its own addresses: no proxy, no CONNECT, only what it dials. */
describe('in a namespace', { skip: skipWithout('bwrap', 'curl') }, () => {
  let inside: Awaited<ReturnType<EgressRig['server']['client']['sandboxes']['create']>>;

  before(async () => {
    inside = await rig.server.client.sandboxes.create({
      name: 'inside',
      driver: 'bubblewrap',
      secrets: { KEY: 'key' },
    });
  });

  /** Runs curl inside; answers status, refusal code. */
  async function curl(...args: string[]): Promise<string> {
    const format = '%{http_code} %header{x-standin-error}';
    const command = ['curl', '-sS', '-o', '/dev/null', '--max-time', '10', '-w', `'${format}'`, ...args].join(' ');
    const result = await rig.server.client.exec(inside, { command });
    assert.equal(result.exit_code, 0, result.stderr);
    return result.stdout.trim();
  }

  const credential = '-H "Authorization: Bearer $KEY"';

  /** The address that the sandbox's resolver gives out for a name. */
  async function addressOf(name: string): Promise<string> {
    const { stdout } = await rig.server.client.exec(inside, { command: `getent ahostsv4 ${name}` });
    return stdout.split(' ', 1)[0] ?? '';
  }

  test('the name that was looked up, SNI and Host agree: the credential goes to it', async () => {
    assert.equal(await curl(credential, `https://${host}/inside`), '200');
    const [request] = rig.requestsFor('/inside');
    assert.ok(request?.head.headers.some(([, text]) => text === `Bearer ${value}`));
  });

  test('an address that was given out for another name is misdirected, whatever SNI and Host say', async () => {
    const seen = rig.upstream.requests.length;
    const address = await addressOf(evil);
    assert.match(address, /^198\.1[89]\./);
    assert.equal(
      await curl(credential, '--resolve', `${host}:443:${address}`, `https://${host}/`),
      '421 misdirected_request',
    );
    assert.equal(
      await curl(credential, '-H', `'Host: ${host}'`, `https://${evil}/`),
      '421 misdirected_request',
      'Host alone differs',
    );
    assert.equal(rig.upstream.requests.length, seen);
  });

  test('an address that nobody gave out is judged as the address that it is', async () => {
    const seen = rig.upstream.requests.length;
    for (const address of ['93.184.216.34', '198.19.250.250', '127.0.0.1']) {
      const answer = await curl(credential, '--resolve', `${host}:443:${address}`, `https://${host}/`);
      assert.equal(answer, '421 misdirected_request', address);
    }
    assert.equal(rig.upstream.requests.length, seen);
  });
});
