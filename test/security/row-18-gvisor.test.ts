import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { commandLine, processIds } from '../support/processes.ts';
import type { RunningSandbox } from '../../src/sandbox/driver.ts';
import { drivers, eventually, isRoot, makeDirectory, openRig, python, run } from '../unit/sandbox/harness.ts';
import type { Rig } from '../unit/sandbox/harness.ts';

/** Threat 18, the part of it that only gVisor has: its control sockets and files, its network, its images on disk. */
const marker = 'host-marker-91ce';

if (isRoot) asRoot();
else
  it('gVisor runs for root alone, so an ordinary user has nothing of it to attack', () => assert.equal(isRoot, false));

function asRoot(): void {
  let rig: Rig;
  let sandbox: RunningSandbox;
  let other: RunningSandbox;
  before(async () => {
    process.env['STANDIN_TEST_SECRET'] = marker;
    rig = openRig(makeDirectory(), drivers.gvisor);
    [sandbox, other] = await Promise.all([rig.create({ id: 'attacker' }), rig.create({ id: 'victim' })]);
  });
  after(() => rig.close());

  const attempt = (program: string) =>
    python(
      sandbox,
      `
import os, socket, fcntl, struct
try:
${program}
except OSError as e: print(type(e).__name__, e.errno)`,
    );
  const record = (id: string): { token: string; first: { pid: number } } =>
    JSON.parse(readFileSync(join(rig.directory, 'run/running', id, 'sandbox.json'), 'utf8'));

  describe('gVisor’s own', () => {
    it('control sockets are not to be reached: they are in a namespace outside', async () => {
      for (const name of ['runsc-sandbox.sandbox', 'runsc-sandbox.victim']) {
        const said = await attempt(` s = socket.socket(socket.AF_UNIX); s.connect('\\0${name}'); print('connected')`);
        assert.equal(said, 'ConnectionRefusedError 111');
      }
      const found = await run(sandbox, 'find /tmp /run /dev /opt /home /var -type s 2>/dev/null');
      assert.equal(found.stdout, '');
    });

    it('state, plan and token are in a directory that only root may enter', () => {
      const folder = join(rig.directory, 'run/running/attacker');
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      for (const name of ['sandbox.json', 'config.json'])
        assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    });

    it('processes are not in its /proc: there are process 1, the agent, and what was run', async () => {
      const { stdout } = await run(sandbox, 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"; cat /proc/[0-9]*/maps');
      for (const word of ['runsc', 'gofer', 'keeper', marker, rig.directory])
        assert.equal(stdout.includes(word), false, word);
    });

    it('kernel does not have the devices that lead to the host’s, and gives no interface', async () => {
      for (const path of ['/dev/kvm', '/dev/mem', '/dev/vhost-net', '/dev/kmsg', '/dev/sda', '/dev/vda']) {
        assert.match(
          await attempt(` os.open('${path}', os.O_RDWR); print('opened')`),
          /^(FileNotFound|Permission)Error/,
        );
      }
      const tun = ` fd = os.open('/dev/net/tun', os.O_RDWR); fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'tun9', 1)); print('made')`;
      assert.match(await attempt(tun), /Error/);
      assert.notEqual((await run(sandbox, 'mount -t fuse none /tmp')).code, 0);
    });

    it('process 1 may do what makes the agent nobody and no more, and the agent and its commands nothing', async () => {
      const of = async (pid: string) => (await run(sandbox, `grep -E '^Cap(Prm|Eff|Bnd)' /proc/${pid}/status`)).stdout;
      // CAP_SETGID, CAP_SETUID and CAP_SETPCAP of capabilities(7).
      assert.equal(await of('1'), 'CapPrm:\t00000000000001c0\nCapEff:\t00000000000001c0\nCapBnd:\t00000000000001c0\n');
      assert.equal(
        await of('self'),
        'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n',
      );
      assert.equal((await run(sandbox, 'id -G')).stdout, '1000\n');
    });

    it('processes write no core, and have a bound to their memory each', async () => {
      const { stdout } = await run(sandbox, 'ulimit -c; ulimit -d');
      const [core, data] = stdout.split('\n').map(Number);
      assert.equal(core, 0);
      assert.ok(data !== undefined && data > 0 && data < 16 * 1024 * 1024, stdout);
    });

    it('processes on the host have nothing of the server’s environment', () => {
      const all = processesOf('attacker');
      assert.ok(all.length >= 3, String(all.length));
      for (const pid of all) assert.equal(readText(`/proc/${pid}/environ`).includes(marker), false, commandLine(pid));
    });

    it('way to a directory that is lent does not lead to the sockets of the host in it', async () => {
      const lent = join(rig.directory, 'lent');
      mkdirSync(lent);
      const server = createServer((socket) => socket.end(marker)).listen(join(lent, 'socket'));
      await once(server, 'listening');
      chmodSync(join(lent, 'socket'), 0o777);
      const box = await rig.create({ mounts: [{ source: lent, target: '/srv/lent', readOnly: false }] });
      const dial = `import socket
s = socket.socket(socket.AF_UNIX)
try: s.connect('/srv/lent/socket'); print(s.recv(99))
except OSError as e: print(type(e).__name__)`;
      assert.match(await python(box, dial), /^\w+Error$/);
      await box.destroy();
      server.close();
    });

    it('kernel runs on the host as nobody, confined to control groups of this sandbox and namespaces of its own', () => {
      const { pid } = record('attacker').first;
      const all = processesOf('attacker');
      const sentries = all.filter((each) => commandLine(each).startsWith('runsc-sandbox'));
      assert.equal(sentries.length, 1);
      const status = readFileSync(`/proc/${sentries[0]}/status`, 'utf8');
      assert.match(status, /^Uid:\s65534\s65534\s65534\s65534$/m);
      assert.match(status, /^NoNewPrivs:\s1$/m);
      assert.match(status, /^Seccomp:\s2$/m);
      assert.ok(all.includes(pid));
    });
  });

  describe('the network', () => {
    it('the agent’s way to the server is of no use without the token', async () => {
      const call = (said: string) =>
        attempt(
          ` s = socket.create_connection(('198.18.255.254', 2), 5); s.settimeout(8); s.sendall(b'${said}'); print(s.recv(9))`,
        );
      assert.match(await call('0'.repeat(32)), /^(b''|ConnectionResetError)/);
      assert.match(await call(record('victim').token), /^(b''|ConnectionResetError)/);
      assert.equal((await run(sandbox, 'echo served')).stdout, 'served\n');
    });

    it('the token is nowhere to be read inside', async () => {
      const { token } = record('attacker');
      const { stdout } = await run(
        sandbox,
        'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/fd/0 < /dev/null 2>/dev/null',
        {
          env: {},
        },
      );
      assert.equal(stdout.includes(token), false);
      const memory = await attempt(` print(open('/proc/1/mem', 'rb').read(1))`);
      assert.match(memory, /Error/);
    });

    it('flooding that way does not keep the server from its agent', async () => {
      const flood = ` held = [socket.create_connection(('198.18.255.254', 2), 5) for _ in range(100)]; print(len(held))`;
      await attempt(flood).catch(() => undefined);
      const works = async () => (await run(sandbox, 'echo served').catch(() => null))?.stdout === 'served\n';
      await eventually('it is served', works);
    });

    it('an address of the pair of interfaces is not another sandbox’s, nor the host’s', async () => {
      await run(
        other,
        '(python3 -c "import socket; s = socket.create_server((\'\', 4444)); s.accept()" > /dev/null 2>&1) &',
      );
      for (const host of ['198.18.255.253', '198.18.255.252']) {
        const said = await attempt(` s = socket.create_connection(('${host}', 4444), 3); print(s.recv(99).decode())`);
        assert.ok(!said.includes('victim'), said);
      }
    });
  });

  describe('an image on disk', () => {
    it('has what the sandbox had in memory, and nothing of the server, its environment or another sandbox', async () => {
      // One that closed no connection lately, which would keep it in memory for a minute.
      const fresh = await rig.create({ id: 'fresh' });
      await run(fresh, 'echo in-the-$((40 + 2))-sandbox > /tmp/mine');
      await run(other, 'echo in-the-$((40 + 3))-sandbox > /tmp/mine');
      await fresh.pause();
      const image = memoryIn(readFileSync(join(rig.directory, 'run/running/fresh/image/checkpoint.img')));
      assert.equal(image.includes('in-the-42-sandbox'), true);
      for (const foreign of [marker, 'in-the-43-sandbox', record('victim').token, rig.directory]) {
        assert.equal(image.includes(foreign), false, foreign);
      }
      await fresh.resume();
      assert.equal((await run(fresh, 'cat /tmp/mine')).stdout, 'in-the-42-sandbox\n');
      await fresh.destroy();
    });
  });
}

/** What is packed in an image: gVisor's statefile.go (a head, metadata, a hash) and compressio.go (pieces, each with its length). */
function memoryIn(file: Buffer): Buffer {
  assert.equal(file.toString('latin1', 0, 8), 'gVisorSF');
  let at = 16 + Number(file.readBigUInt64BE(8)) + 32 + 4;
  const pieces: Buffer[] = [];
  while (at < file.length) {
    const length = file.readUInt32BE(at);
    pieces.push(inflateRawSync(file.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(pieces);
}

/** Those of the host that are in a control group of this sandbox. */
const processesOf = (id: string) => processIds().filter((pid) => readText(`/proc/${pid}/cgroup`).includes(`/${id}`));

/** Empty where the process has ended. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
