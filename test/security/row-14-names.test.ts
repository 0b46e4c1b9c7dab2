import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startDnsServer } from '../support/dns-server.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';
import { runProgram, skipWithout } from '../support/processes.ts';
import { sandboxDrivers } from '../support/sandbox-drivers.ts';
import { connectPlain, openTunnel, TunnelRefused } from '../support/proxy-client.ts';

/**
 * Row 14: a look-up can carry data out, so the rules are asked before it. The server's resolver is one of the test's own,
 * which writes down what it is asked; every name here has an address, so whatever is looked up would also be dialled.
 */
const allowed = 'api.allowed.test';
const zone = 'exfil.test';
const dns = await startDnsServer((name) => (name.endsWith('.test') ? '127.0.0.1' : null));
const skip = skipWithout('unshare', 'curl') || (dns === null && 'port 53 of a loopback address is not for this user');
let rig: EgressRig;

before(async () => {
  if (dns === null || skip !== false) return;
  rig = await startEgressRig({
    names: [allowed],
    server: { launcher: dns.launcher, env: { STANDIN_EGRESS_ALLOW_PRIVATE: '127.0.0.1/32' } },
  });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [allowed] });
});
after(async () => {
  await rig?.stop();
  await dns?.stop();
});

/** A name that nobody has asked for: the data is in its first label. */
const carrier = () => `${randomBytes(20).toString('hex')}.${zone}`;

/** What is looked up meanwhile, each once. */
async function lookedUp(attempt: () => Promise<void>): Promise<string[]> {
  const known = dns?.queries.length ?? 0;
  await attempt();
  return [...new Set(dns?.queries.slice(known).map((query) => query.split(' ')[1] ?? ''))];
}

type Way = (sandbox: RigSandbox, host: string) => Promise<string | undefined>;

const authorized = ({ access }: RigSandbox) => `Proxy-Authorization: ${access.authorization}`;

async function absolute(sandbox: RigSandbox, scheme: string, host: string): Promise<string | undefined> {
  const connection = await connectPlain(sandbox.access);
  const place = `${host}:${rig.upstream.port}`;
  connection.send(`GET ${scheme}://${place}/ HTTP/1.1\r\nHost: ${place}\r\n${authorized(sandbox)}\r\n\r\n`);
  const response = await connection.response();
  connection.close();
  return response.header('x-standin-error') ?? String(response.status);
}

async function curl({ access }: RigSandbox, host: string, ...args: string[]): Promise<string> {
  const user = Buffer.from(access.authorization?.split(' ')[1] ?? '', 'base64').toString();
  const proxy = ['--proxy-user', user, '--max-time', '10', '-k', '-o', '/dev/null', '-w', '%{http_code}'];
  const { stdout, code } = await runProgram('curl', [
    '-sS',
    ...proxy,
    ...args,
    `https://${host}:${rig.upstream.port}/`,
  ]);
  return stdout === '200' ? stdout : `curl: ${code}`;
}

/** Each answers the refusal, or 200. */
const ways: Record<string, { ask: Way; refused: string }> = {
  CONNECT: {
    refused: 'host_denied',
    ask: async (sandbox, host) => {
      try {
        const connection = await sandbox.connect(host, { port: rig.upstream.port });
        connection.send(`GET / HTTP/1.1\r\nHost: ${host}:${rig.upstream.port}\r\n\r\n`);
        const { status } = await connection.response();
        connection.close();
        return String(status);
      } catch (error) {
        if (error instanceof TunnelRefused) return error.response.header('x-standin-error');
        throw error;
      }
    },
  },
  'SOCKS 5': {
    refused: 'curl: 97',
    ask: (sandbox, host) => curl(sandbox, host, '--socks5-hostname', `127.0.0.1:${rig.server.proxyPort}`),
  },
  'an absolute URL of http': { refused: 'host_denied', ask: (sandbox, host) => absolute(sandbox, 'http', host) },
  'an absolute URL of https': { refused: 'host_denied', ask: (sandbox, host) => absolute(sandbox, 'https', host) },
};

describe('a name that the rules allow', { skip }, () => {
  it('is looked up, and what was found is what is dialled', async () => {
    const sandbox = await rig.sandbox({}, { network: { allow_out: [allowed] } });
    for (const way of ['CONNECT', 'SOCKS 5', 'an absolute URL of https']) {
      let answer: string | undefined;
      const names = await lookedUp(async () => {
        answer = await ways[way]?.ask(sandbox, allowed);
      });
      assert.deepEqual([answer, way === 'CONNECT' ? names : []], ['200', way === 'CONNECT' ? [allowed] : []], way);
    }
  });

  it('is asked for by its addresses alone: no record of another type could send a request elsewhere', async () => {
    const types = dns?.queries.map((query) => query.split(' ')[0]) ?? [];
    assert.ok(types.includes('A') && types.every((type) => type === 'A' || type === 'AAAA'), types.join(' '));
  });

  it('is looked up where nothing is set, so that these names would be seen', async () => {
    const sandbox = await rig.sandbox();
    for (const { ask } of Object.values(ways)) {
      const host = carrier();
      assert.deepEqual(await lookedUp(async () => void (await ask(sandbox, host))), [host]);
    }
  });
});

describe('a name that the rules do not allow', { skip }, () => {
  for (const [what, network] of Object.entries({
    'no domain of theirs fits': { allow_out: [allowed, 'exfil.test', '*.below.exfil.test'] },
    'only addresses are allowed': { allow_out: ['127.0.0.1/32', '1.1.1.1/32'] },
    'everything is denied': { deny_out: ['0.0.0.0/0'] },
    'everything but one domain is denied': { allow_out: [allowed], deny_out: ['0.0.0.0/0'] },
    'it would not even be opened': { allow_out: [allowed], intercept: 'bound' as const },
    'it is to be tunnelled, and not allowed': { allow_out: [allowed], tunnel_out: [`*.${zone}`] },
  })) {
    it(`is not looked up, by any way in, where ${what}`, async () => {
      const sandbox = await rig.sandbox({}, { network });
      for (const [way, { ask, refused }] of Object.entries(ways)) {
        let answer: string | undefined;
        const names = await lookedUp(async () => {
          answer = await ask(sandbox, carrier());
        });
        assert.deepEqual([answer, names], [refused, []], way);
      }
    });
  }

  it('is not looked up where SNI, Host or :authority brings it into a connection to another', async () => {
    const sandbox = await rig.sandbox({}, { network: { allow_out: [allowed] } });
    const names = await lookedUp(async () => {
      const named = carrier();
      const bySni = await sandbox.connect(allowed, { serverName: named });
      bySni.send(`GET / HTTP/1.1\r\nHost: ${named}\r\n\r\n`);
      assert.equal((await bySni.response()).header('x-standin-error'), 'misdirected_request');
      bySni.close();
      const byHost = await sandbox.connect(allowed);
      byHost.send(`GET / HTTP/1.1\r\nHost: ${carrier()}\r\n\r\n`);
      assert.equal((await byHost.response()).header('x-standin-error'), 'misdirected_request');
      byHost.close();
      const session = await openHttp2Session(sandbox, allowed);
      const { headers } = await askHttp2(session, { ':authority': carrier(), ':path': '/' });
      assert.equal(headers['x-standin-error'], 'misdirected_request');
      session.close();
    });
    assert.deepEqual(names, []);
  });
});

describe('a request that is refused for what it carries', { skip }, () => {
  it('has no name looked up: a stand-in at another host, one of nobody, a name that is none', async () => {
    const sandbox = await rig.sandbox({ KEY: 'key' });
    const names = await lookedUp(async () => {
      for (const [host, line, refused] of [
        [carrier(), `Authorization: Bearer ${sandbox.standIn('KEY')}`, 'credential_host_mismatch'],
        [carrier(), `X-Note: ${sandbox.standIn('KEY')}`, 'credential_host_mismatch'],
        [carrier(), 'Max-Forwards: 1', 'bad_request'],
        [`a_b.${zone}`, 'X-Note: none', 'bad_request'],
        [`${carrier()}.`, 'X-Note: none', 'bad_request'],
        [`${'a'.repeat(64)}.${zone}`, 'X-Note: none', 'bad_request'],
      ]) {
        const connection = await connectPlain(sandbox.access);
        connection.send(`GET https://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${authorized(sandbox)}\r\n${line}\r\n\r\n`);
        assert.equal((await connection.response()).header('x-standin-error'), refused, `${host} ${line}`);
        connection.close();
      }
    });
    assert.deepEqual(names, []);
  });

  it('has none looked up by CONNECT itself: what is asked inside decides', async () => {
    const sandbox = await rig.sandbox();
    const names = await lookedUp(async () => {
      const socket = await openTunnel(sandbox.access, `${carrier()}:443`);
      socket.destroy();
      assert.equal(await ways['an absolute URL of https']?.ask(sandbox, allowed), '200');
    });
    assert.deepEqual(names, [allowed]);
  });
});

/** Queries by a program inside, which takes them from the resolver of its own /etc/resolv.conf and from others. */
const asking = String.raw`
import json, socket, struct, sys
def query(name, kind):
  labels = [label.encode() for label in name.split('.')] if isinstance(name, str) else name
  return struct.pack('>HHHHHH', 7, 0x0100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l for l in labels) + b'\0' + struct.pack('>HH', kind, 1)
def brief(answer):
  if not answer: return ''
  flags, questions, answers = struct.unpack('>HHH', answer[2:8])
  return [flags & 15, answers, '.'.join(map(str, answer[-4:])) if answers else '']
def udp(to, port, data):
  s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
  try: s.connect((to, port)); s.send(data); return brief(s.recv(4096))
  except OSError as e: return type(e).__name__
def send(to, data):
  socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(data, (to, 53))
def tcp(to, port, data):
  try:
    s = socket.create_connection((to, port), 5); s.sendall(struct.pack('>H', len(data)) + data)
    return brief(s.recv(4096)[2:])
  except OSError as e: return type(e).__name__
resolver = open('/etc/resolv.conf').read().split()[1]
print(json.dumps(eval(sys.argv[1])))
`;

for (const driver of sandboxDrivers) {
  describe(`the resolver of a ${driver.name} sandbox`, { skip: skip || driver.skip || skipWithout('python3') }, () => {
    let inside: Awaited<ReturnType<EgressRig['server']['client']['sandboxes']['create']>>;
    before(async () => {
      inside = await rig.server.client.sandboxes.create({
        name: `inside-${driver.name}`,
        driver: driver.name,
        network: { allow_out: [allowed] },
      });
    });

    async function ask(expression: string): Promise<unknown> {
      const { client } = rig.server;
      const command = { command: '/usr/bin/python3', args: ['-c', asking, expression] };
      const { stdout, stderr, exit_code } = await client.exec(inside, command);
      assert.equal(exit_code, 0, stderr);
      return JSON.parse(stdout);
    }

    it('answers every name with an address of its own range, and every other type with nothing, by itself', async () => {
      const types = { AAAA: 28, TXT: 16, MX: 15, ANY: 255, CNAME: 5, NS: 2, SRV: 33, SVCB: 64, HTTPS: 65, NULL: 10 };
      const names = await lookedUp(async () => {
        for (const name of [allowed, carrier(), `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${zone}`]) {
          const answers = await ask(`[udp(resolver, 53, query('${name}', 1)), tcp(resolver, 53, query('${name}', 1))]`);
          assert.match(JSON.stringify(answers), /^\[\[0,1,"198\.1[89]\.\d+\.\d+"\],\[0,1,"198\.1[89]\.\d+\.\d+"\]\]$/);
          for (const [type, number] of Object.entries(types)) {
            const none = [0, 0, ''];
            assert.deepEqual(await ask(`udp(resolver, 53, query('${name}', ${number}))`), none, `${type} ${name}`);
          }
        }
      });
      assert.deepEqual(names, []);
    });

    it('answers a name that is none, and a question that is none, by itself', async () => {
      const names = await lookedUp(async () => {
        const noName = [3, 0, ''];
        const malformed = [1, 0, ''];
        assert.deepEqual(await ask(`udp(resolver, 53, query('a_b.${zone}', 1))`), noName);
        assert.deepEqual(await ask(`udp(resolver, 53, query([b'a\\0b', b'exfil', b'test'], 1))`), noName);
        assert.deepEqual(await ask(`udp(resolver, 53, query([b'\\xff' * 63, b'test'], 16))`), noName);
        assert.deepEqual(await ask(`udp(resolver, 53, query('1.0.0.127.in-addr.arpa', 12))`), noName);
        assert.deepEqual(await ask(`udp(resolver, 53, query([b'a' * 64, b'test'], 1))`), malformed);
        assert.deepEqual(await ask(`udp(resolver, 53, query([b'x' * 60] * 5, 1))`), malformed);
      });
      assert.deepEqual(names, []);
    });

    it('is the one behind every address: no other name server is reached, on no other port', async () => {
      const name = carrier();
      const names = await lookedUp(async () => {
        const servers = ['8.8.8.8', '1.1.1.1', '127.0.0.53', ...(dns === null ? [] : [dns.address])];
        for (const server of servers) {
          const answer = await ask(
            `[send('${server}', query('${name}', 16)), tcp('${server}', 53, query('${name}', 16))][1]`,
          );
          // In gVisor loopback is the sandbox's own alone.
          const isOwn = driver.name === 'gvisor' && server.startsWith('127.');
          assert.deepEqual(answer, isOwn ? 'ConnectionRefusedError' : [0, 0, ''], server);
          for (const port of [853, 5353, 5355, 137]) {
            assert.equal(await ask(`udp('${server}', ${port}, query('${name}', 1))`), 'ConnectionRefusedError');
            // The proxy's, but on loopback: it takes the connection and has no answer to a query.
            const over = server.startsWith('127.') ? /^ConnectionRefusedError$/ : /^(|ConnectionResetError)$/;
            assert.match(
              String(await ask(`tcp('${server}', ${port}, query('${name}', 1))`)),
              over,
              `${server}:${port}`,
            );
          }
        }
      });
      assert.deepEqual(names, []);
    });

    for (const [what, url] of Object.entries({
      'its own https': (host: string) => `https://${host}/`,
      'its own http': (host: string) => `http://${host}/`,
      'port 3128': (host: string) => `-x http://proxy:3128 https://${host}/`,
      'SOCKS of port 3128': (host: string) => `-x socks5h://proxy:3128 https://${host}/`,
      'an absolute URL to port 3128': (host: string) => `-x http://proxy:3128 http://${host}/`,
    })) {
      it(`gives out an address for a name that is not allowed, and asking for it by ${what} looks nothing up`, async () => {
        const names = await lookedUp(async () => {
          const command = `curl -sS -k --max-time 10 -o /dev/null -w '%{http_code} %header{x-standin-error} %{http_connect}' ${url(carrier())}`;
          const { stdout } = await rig.server.client.exec(inside, { command });
          assert.match(stdout, /^403 host_denied|^000 +403$|^000 +000$/, stdout);
        });
        assert.deepEqual(names, []);
      });
    }
  });
}
