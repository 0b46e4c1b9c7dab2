import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { readBytes } from '../support/http-bytes.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';
import { sandboxDrivers } from '../support/sandbox-drivers.ts';
import { openTunnel } from '../support/proxy-client.ts';

/** Row 16: HTTP/3, raw TCP, UDP, ICMP, IPv6, ECH: nothing leads out of a sandbox but the proxy, and it speaks HTTP alone. */
const host = 'api.example.com';
const address = '203.0.113.5';
const address6 = '2606:4700::1111';
let rig: EgressRig;
/** What came at sockets of the host that would take anything. */
const arrived: string[] = [];
const tcp = createServer((socket) => {
  arrived.push(`tcp from ${socket.remoteAddress}`);
  socket.on('error', () => undefined).end('SSH-2.0-host\r\n');
});
const https = createHttpsServer((_request, response) => response.end('over TLS'));
const udp = createSocket('udp4', (_message, from) => arrived.push(`udp from ${from.address}`));

before(async () => {
  const tcpPort = await listenOnLoopback(tcp);
  udp.bind(tcpPort, '127.0.0.1');
  await once(udp, 'listening');
  const also = { [`${host}:22`]: tcpPort, [`${host}:8443`]: tcpPort, [`${host}:9443`]: await listenOnLoopback(https) };
  rig = await startEgressRig({ names: [host], also });
  const { certPem, keyPem } = rig.authority.issue([host]);
  https.setSecureContext({ cert: certPem, key: keyPem });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
});
after(async () => {
  await rig?.stop();
  tcp.close();
  https.close();
  udp.close();
});

const hostPort = () => udp.address().port;

/** What a program inside has at hand. Each answers a word. */
const program = String.raw`
import ctypes, errno, json, socket, sys
def family(to): return socket.AF_INET6 if ':' in to else socket.AF_INET
def word(error): return errno.errorcode.get(error, error)
def tcp(to, port, data=b''):
  with socket.socket(family(to)) as s:
    s.settimeout(5)
    code = s.connect_ex((to, port))
    if code: return word(code)
    if not data: return 'open'
    said = b''
    try:
      s.sendall(data)
      for part in iter(lambda: s.recv(4096), b''): said += part
    except OSError as e: return said.decode('latin1') or word(e.errno)
    return said.decode('latin1')
def udp(to, port):
  with socket.socket(family(to), socket.SOCK_DGRAM) as s:
    s.settimeout(1)
    try: s.connect((to, port)); s.send(b'x'); s.send(b'x'); s.recv(99); return 'answered'
    except OSError as e: return word(e.errno)
def made(family, kind, protocol):
  c = ctypes.CDLL(None, use_errno=True)
  return 'made' if c.socket(family, kind, protocol) != -1 else word(ctypes.get_errno())
print(json.dumps(eval(sys.argv[1])))
`;

for (const driver of sandboxDrivers) {
  describe(`from inside a ${driver.name} sandbox`, { skip: driver.skip || skipWithout('curl', 'python3') }, () => {
    let inside: Awaited<ReturnType<EgressRig['server']['client']['sandboxes']['create']>>;
    before(async () => {
      inside = await rig.server.client.sandboxes.create({
        name: `inside-${driver.name}`,
        driver: driver.name,
        network: { allow_out: [host] },
      });
    });

    // In gVisor the proxy listens on the other side of a pair of interfaces, and nothing on this one.
    const ownAddress = driver.name === 'gvisor' ? '198.18.255.253' : '198.18.255.254';
    /** gVisor takes minutes for all of them: every one that may have a meaning, and a sample of the others. */
    const allPorts =
      driver.name === 'gvisor' ? '[*range(1, 1101), 3000, 3128, 8080, *range(1153, 65536, 211)]' : 'range(1, 65536)';

    async function run(expression: string): Promise<unknown> {
      const command = { command: '/usr/bin/python3', args: ['-c', program, expression], timeout_s: 120 };
      const { stdout, stderr, exit_code } = await rig.server.client.exec(inside, command);
      assert.equal(exit_code, 0, stderr);
      return JSON.parse(stdout);
    }
    async function shell(command: string): Promise<string> {
      return (await rig.server.client.exec(inside, { command })).stdout;
    }

    for (const to of [address, address6]) {
      it(`every TCP port of ${to} leads to the proxy, which has no answer to what it does not speak`, async () => {
        const ports = [1, 22, 25, 587, 853, 1024, 3000, 3306, 5432, 6379, 8080, 9418, 27_017, hostPort(), 65_535];
        const answers = await run(`{p: tcp('${to}', p, b'SSH-2.0-x\\r\\n') for p in ${JSON.stringify(ports)}}`);
        assert.ok(typeof answers === 'object' && answers !== null);
        assert.deepEqual(Object.keys(answers), ports.map(String));
        for (const [port, answer] of Object.entries(answers)) assert.match(String(answer), /^(|ECONNRESET)$/, port);
        assert.deepEqual(arrived, []);
      });

      it(`of all UDP ports of ${to} only the resolver's is there: no QUIC, and nothing else`, async () => {
        const refused = `udp('${to}', p) == 'ECONNREFUSED'`;
        // Three times: a refusal is an ICMP message, which the kernel sends only so many of.
        const open = await run(
          `[p for p in [p for p in [p for p in ${allPorts} if not ${refused}] if not ${refused}] if not ${refused}]`,
        );
        assert.deepEqual(open, [53]);
        assert.equal(await run(`udp('${to}', 443)`), 'ECONNREFUSED');
      });
    }

    for (const to of ['127.0.0.1', '::1', ownAddress]) {
      it(`of all TCP ports of ${to}, its own address, only those that the proxy listens on answer`, async () => {
        const open = (ports: string) => `[p for p in ${ports} if tcp('${to}', p) != 'ECONNREFUSED']`;
        // Twice: a socket may be given the port as its own that it dials, and so reach itself.
        const found = await run(open(open(allPorts)));
        assert.deepEqual(found, driver.name === 'gvisor' ? [] : [1, 53, 80, 443, 3128]);
      });
    }

    it('HTTP and TLS go to any port by the name that was looked up, and by its rules', async () => {
      const ask = async (url: string) => {
        const command = `curl -sS -m 10 -o /dev/null -w '%{http_code} %header{x-standin-error}' ${url} 2>&1`;
        return (await shell(command)).trim();
      };
      assert.match(await ask(`https://${host}:9443/`), /^200\b/);
      assert.equal(await ask('https://other.example.com:9443/'), '403 host_denied');
      assert.equal(await ask('http://other.example.com:8080/'), '403 host_denied');
      assert.equal(await ask(`http://${address}:8080/`), '403 host_denied');
      const credential = await ask(`-H 'Host: other.example.com' https://${host}:9443/`);
      assert.equal(credential, '421 misdirected_request');
    });

    it('what is refused at another port has a row that says to where and why', async () => {
      const hello = String.raw`b'\0\0\0\x08\x04\xd2\x16\x2f'`;
      await run(`[tcp('${address}', 5432, ${hello}), tcp(socket.gethostbyname('${host}'), 22, b'SSH-2.0-x\\r\\n')]`);
      const rowAt = async (port: number) => {
        const { data } = await rig.server.client.sandboxes.network(inside.id, { verdict: 'blocked', limit: 200 });
        return data.find(
          (row) => row.dst_port === port && row.match_rule === 'not HTTP or TLS' && row.host !== address6,
        );
      };
      await waitUntil(async () => (await rowAt(5432)) !== undefined, { what: 'a row of the database' });
      await waitUntil(async () => (await rowAt(22))?.host === host, { what: 'a row of SSH' });
      assert.equal((await rowAt(5432))?.host, address);
    });

    it('a socket of the host gets nothing, by none of its addresses', async () => {
      const addresses = [
        '127.0.0.1',
        '127.0.0.2',
        '::1',
        '::ffff:127.0.0.1',
        '0.0.0.0',
        '::',
        '169.254.1.1',
        '10.0.0.1',
      ];
      const port = hostPort();
      const call = `[[tcp(to, ${port}, b'hello\\r\\n'), udp(to, ${port})] for to in ${JSON.stringify(addresses)}]`;
      const answers = await run(call);
      assert.ok(Array.isArray(answers));
      assert.deepEqual(
        answers.slice(0, 6),
        addresses.slice(0, 6).map(() => ['ECONNREFUSED', 'ECONNREFUSED']),
      );
      // Of others the proxy takes the connection, and drops it.
      for (const [stream, datagram] of answers.slice(6)) {
        assert.match(String(stream), /^(|ECONNRESET)$/);
        assert.equal(datagram, 'ECONNREFUSED');
      }
      assert.deepEqual(arrived, []);
    });

    it('no socket can be made of which the proxy knows nothing: ICMP, raw IP, SCTP, DCCP, MPTCP, packets', async () => {
      const [inet, inet6, stream, datagram, raw, dccp, packet] = [2, 10, 1, 2, 3, 6, 17];
      const none = {
        ping: [inet, datagram, 1],
        'ping over IPv6': [inet6, datagram, 58],
        'raw ICMP': [inet, raw, 1],
        'raw ICMPv6': [inet6, raw, 58],
        'raw IP': [inet, raw, 255],
        GRE: [inet, raw, 47],
        'IPv6 in IPv4': [inet, raw, 41],
        SCTP: [inet, stream, 132],
        'SCTP over IPv6': [inet6, stream, 132],
        DCCP: [inet, dccp, 33],
        'UDP-Lite': [inet, datagram, 136],
        MPTCP: [inet, stream, 262],
      };
      const answers = await run(`{what: made(*how) for what, how in ${JSON.stringify(none)}.items()}`);
      assert.deepEqual(answers, Object.fromEntries(Object.keys(none).map((what) => [what, 'EPROTONOSUPPORT'])));
      const more = await run(`[made(${packet}, ${raw}, 3), made(${inet}, ${stream}, 6)]`);
      assert.deepEqual(more, ['EAFNOSUPPORT', 'made']);
    });

    it('another protocol on the ports of the proxy gets no answer and goes nowhere', async () => {
      const places = JSON.stringify([
        [address, 80],
        [address, 443],
        [address6, 443],
      ]);
      const hellos = String.raw`b'SSH-2.0-x\r\n', b'EHLO x\r\n', b'\0\0\0\x08\x04\xd2\x16\x2f', b'\xc3\0\0\0\x01'`;
      const answers = await run(`[tcp(to, port, hello) for to, port in ${places} for hello in [${hellos}]]`);
      assert.ok(Array.isArray(answers) && answers.length === 12);
      for (const answer of answers) assert.match(String(answer), /^(|ECONNRESET|HTTP\/1\.1 400 .*)$/s);
      assert.deepEqual(arrived, []);
    });

    it('CONNECT and SOCKS to a port of another protocol open a tunnel in which it is not spoken', async () => {
      const opening = `CONNECT ${host}:22 HTTP/1.1\\r\\nHost: ${host}:22\\r\\n\\r\\n`;
      const answer = String(await run(`tcp('${address}', 3128, b'${opening}SSH-2.0-x\\r\\n')`));
      assert.match(answer, /^HTTP\/1\.1 200 /);
      assert.doesNotMatch(answer, /SSH/);
      const bind = '\\x05\\x01\\x00\\x05\\x02\\x00\\x01\\x7f\\x00\\x00\\x01\\x00\\x16';
      const udpAssociate = bind.replace('\\x05\\x02', '\\x05\\x03');
      for (const command of [bind, udpAssociate]) {
        const refusal = String(await run(`tcp('${address}', 3128, b'${command}')`));
        assert.deepEqual([...Buffer.from(refusal, 'latin1').subarray(0, 4)], [5, 0, 5, 7]);
      }
      assert.deepEqual(arrived, []);
    });

    it('IPv6 is judged as IPv4 is: an address that is dialled reaches the proxy and the rules, no further', async () => {
      const format = `-g -sS -k --max-time 10 -o /dev/null -w '%{http_code} %header{x-standin-error}'`;
      // In gVisor loopback is the sandbox's own, and nobody listens there.
      const loopback = driver.name === 'gvisor' ? '000 ' : '403 host_denied';
      for (const [literal, refused] of [
        [`[${address6}]`, '403 host_denied'],
        ['[::1]', loopback],
        [address, '403 host_denied'],
        ['127.0.0.1', loopback],
        // What is dialled is the IPv4 address inside; the URL names another.
        ['[::ffff:127.0.0.1]', driver.name === 'gvisor' ? loopback : '421 misdirected_request'],
        ['[64:ff9b::7f00:1]', '421 misdirected_request'],
      ]) {
        for (const scheme of ['http', 'https']) {
          assert.equal(await shell(`curl ${format} ${scheme}://${literal}/`), refused, `${scheme}://${literal}`);
        }
      }
      assert.deepEqual(arrived, []);
    });

    it('where nothing is set, IPv6 leads to no address that is not public, as IPv4 does not', async () => {
      const { client } = rig.server;
      const open = await client.sandboxes.create({ name: `open-${driver.name}`, driver: driver.name });
      const format = '--max-time 10 -w "%{http_code} %header{x-standin-error} "';
      // Loopback alone: were the guard gone, nothing would leave this machine.
      const urls = ['[::1]', '127.0.0.1', '127.9.9.9', '127.255.255.254'].map((literal) => `http://${literal}/`);
      const { stdout } = await client.exec(open, {
        command: `curl -g -sS ${format} ${urls.map((url) => `-o /dev/null ${url}`).join(' ')}`,
      });
      assert.equal(stdout, (driver.name === 'gvisor' ? '000  ' : '403 host_denied ').repeat(urls.length));
      assert.deepEqual(arrived, []);
    });

    // row-18-escapes has the interfaces of gVisor.
    if (driver.name === 'gvisor') return;
    it('there is one interface, no route but to itself, and no neighbour', async () => {
      assert.equal(await shell('cut -d: -s -f1 /proc/net/dev | tr -d " \\n"'), 'lo');
      assert.equal(await shell('tail -n +2 /proc/net/route; tail -n +2 /proc/net/arp'), '');
      assert.doesNotMatch(await shell('cat /proc/net/ipv6_route'), /(?<!lo)\n(?=.)|(?<!lo)\n$/);
    });
  });
}

describe('Encrypted Client Hello', () => {
  it('is not taken up: what the proxy shows and judges is the outer name', async () => {
    const sandbox = await rig.sandbox();
    const socket = await openTunnel(sandbox.access, `${host}:443`);
    const reader = readBytes(socket);
    socket.write(withExtension(await clientHello(host), 0xfe0d, outerEch));
    const names: string[] = [];
    for (let flight = Buffer.alloc(0); names.length === 0;) {
      const head = await reader.exactly(5);
      assert.equal(head[0], 22, 'a handshake record, and no alert');
      flight = Buffer.concat([flight, await reader.exactly(head.readUInt16BE(3))]);
      const certificate = leafIn(flight);
      if (certificate !== null) names.push(certificate.subjectAltName ?? '');
    }
    assert.deepEqual(names, [`DNS:${host}`]);
    socket.destroy();
  });
});

/** ECHClientHello of type outer, as GREASE makes it: suite, config id, encapsulated key, payload (RFC 9849 section 5). */
const outerEch = Buffer.concat([
  Buffer.from([0, 0, 1, 0, 1, 7, 0, 32]),
  Buffer.alloc(32, 5),
  Buffer.from([0, 144]),
  Buffer.alloc(144, 9),
]);

/** What OpenSSL says first for TLS 1.2, where the certificate can be read. */
async function clientHello(serverName: string): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const socket = new Duplex({ read: () => undefined, write: (chunk: Buffer) => resolve(chunk) });
  const tls = connectTls({ socket, servername: serverName, maxVersion: 'TLSv1.2' });
  tls.on('error', () => undefined);
  const hello = await promise;
  tls.destroy();
  return hello;
}

/** One record, one message; the extensions are its end (RFC 8446 section 4.1.2). */
function withExtension(hello: Buffer, type: number, body: Buffer): Buffer {
  const extension = Buffer.concat([Buffer.alloc(4), body]);
  extension.writeUInt16BE(type, 0);
  extension.writeUInt16BE(body.length, 2);
  const longer = Buffer.concat([hello, extension]);
  const sessionAt = 5 + 4 + 2 + 32;
  const suitesAt = sessionAt + 1 + (hello[sessionAt] ?? 0);
  const methodsAt = suitesAt + 2 + hello.readUInt16BE(suitesAt);
  const extensionsAt = methodsAt + 1 + (hello[methodsAt] ?? 0);
  longer.writeUInt16BE(hello.readUInt16BE(extensionsAt) + extension.length, extensionsAt);
  longer.writeUIntBE(hello.readUIntBE(6, 3) + extension.length, 6, 3);
  longer.writeUInt16BE(hello.readUInt16BE(3) + extension.length, 3);
  return longer;
}

/** The first certificate of a Certificate message (RFC 5246 section 7.4.2), null before it has come whole. */
function leafIn(flight: Buffer): X509Certificate | null {
  for (let at = 0; at + 4 <= flight.length;) {
    const end = at + 4 + flight.readUIntBE(at + 1, 3);
    if (end > flight.length) return null;
    if (flight[at] === 11) return new X509Certificate(flight.subarray(at + 10, at + 10 + flight.readUIntBE(at + 7, 3)));
    at = end;
  }
  return null;
}
