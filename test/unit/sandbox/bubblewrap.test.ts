import assert from 'node:assert/strict';
import {
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningSandbox } from '../../../src/sandbox/driver.ts';
import { inGvisor } from '../../support/sandbox-drivers.ts';
import { againAsOrdinaryUser, againInGvisor, eventually, isRoot, openRig, python, run } from './harness.ts';
import { commandLine, processIds } from '../../support/processes.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
let sandbox: RunningSandbox;

before(async () => {
  rig = openRig();
  assert.deepEqual(await rig.driver.preflight(), []);
  sandbox = await rig.create();
});
after(() => rig.close());

describe('the sandbox’s life', () => {
  it('survives the death of all its processes', async () => {
    await run(sandbox, 'kill -9 1; kill -9 -1').catch(() => undefined);
    // In gVisor the agent calls, which it can do a moment after it is back.
    const back = async () => (await run(sandbox, 'echo back').catch(() => null))?.stdout === 'back\n';
    if (inGvisor) await eventually('its agent is back', back);
    else assert.ok(await back());
    assert.equal(await sandbox.health(), true);
  });

  it('reaps what its processes leave behind', async () => {
    await run(sandbox, '(sleep 0 &) ; (sleep 0 &)');
    await eventually('no zombies', async () => (await run(sandbox, 'ps -eo stat= | grep -c ^Z')).stdout === '0\n');
  });

  it('freezes and thaws', async () => {
    const other = await rig.create();
    await run(other, 'cd /tmp; (while :; do echo x >> beat; sleep 0.005; done) > /dev/null 2>&1 &');
    await eventually('it beats', async () => (await run(other, 'wc -c < /tmp/beat')).stdout !== '0\n');
    await other.pause();
    await assert.rejects(run(other, 'true'), { code: 'unavailable' });
    await other.resume();
    const before_ = Number((await run(other, 'wc -c < /tmp/beat')).stdout);
    await eventually('it beats again', async () => Number((await run(other, 'wc -c < /tmp/beat')).stdout) > before_);
    await other.pause();
    await other.destroy();
  });

  it('is gone after destroy, with its processes and everything on disk, and destroy may be called again', async () => {
    const other = await rig.create();
    const session = await other.exec({ command: 'sleep 1000', env: { MARK: 'standin-destroy-test' } });
    await other.destroy();
    await assert.rejects(session.exit, { code: 'unavailable' });
    await other.destroy();
    await other.ended;
    assert.equal(await other.health(), false);
    await assert.rejects(other.exec({ command: 'true', env: {} }), { code: 'unavailable' });
    assert.deepEqual(leftOf(other.id), []);
  });

  it('tells when it ended by itself', async () => {
    const firsts = () =>
      inGvisor
        ? processesWith('runsc-sandbox')
        : processesWith('/opt/standin/agent/main.js').filter((pid) => parentOf(parentOf(pid)) === process.pid);
    const known = new Set(firsts());
    const other = await rig.create();
    // What the kernel does when a machine runs out of memory: process 1, or gVisor's kernel, goes, from outside.
    const found = firsts().filter((pid) => !known.has(pid));
    const first = inGvisor ? found.find((pid) => groupOf(pid).includes(`/${other.id}`)) : found[0];
    assert.ok(first !== undefined);
    process.kill(first, 'SIGKILL');
    await other.ended;
    await assert.rejects(run(other, 'true'), { code: 'unavailable' });
  });
});

describe('the network', () => {
  const dial = (host: string, port: number, seconds = 5) =>
    python(
      sandbox,
      `import socket; s = socket.create_connection((${JSON.stringify(host)}, ${port}), ${seconds}); s.settimeout(${seconds}); print(s.recv(999).decode())`,
    );

  it('brings a connection to any IPv4 address on 80, 443, 3128 and 53 to the listener, with the address dialled', async () => {
    assert.equal(await dial('203.0.113.5', 443), `${sandbox.id} https ::ffff:203.0.113.5 443`);
    assert.equal(await dial('8.8.8.8', 80), `${sandbox.id} http ::ffff:8.8.8.8 80`);
    // In gVisor loopback is the sandbox's own, and nothing of ours is there.
    if (inGvisor) await assert.rejects(dial('127.0.0.1', 3128), /ConnectionRefusedError/);
    const proxy = inGvisor ? '203.0.113.7' : '127.0.0.1';
    assert.equal(await dial(proxy, 3128), `${sandbox.id} proxy ::ffff:${proxy} 3128`);
    assert.equal(await dial('1.1.1.1', 53), `${sandbox.id} dns-tcp ::ffff:1.1.1.1 53`);
  });

  it(
    'does the same for IPv6',
    { skip: existsSync('/proc/sys/net/ipv6') ? false : 'this kernel has no IPv6' },
    async () => {
      assert.equal(await dial('2606:4700::1111', 443), `${sandbox.id} https 2606:4700::1111 443`);
    },
  );

  it('brings a connection to any other port to one listener, with the address and port that were dialled', async () => {
    assert.equal(await dial('203.0.113.5', 22), `${sandbox.id} other ::ffff:203.0.113.5 22`);
    assert.equal(await dial('198.18.0.1', 65_535), `${sandbox.id} other ::ffff:198.18.0.1 65535`);
    if (existsSync('/proc/sys/net/ipv6')) {
      assert.equal(await dial('2606:4700::1111', 5432), `${sandbox.id} other 2606:4700::1111 5432`);
    }
  });

  // In gVisor the name server's is on the other side of a pair of interfaces.
  const ownAddress = inGvisor ? '198.18.255.253' : '198.18.255.254';

  it('leaves loopback and its own address to its own servers, and no other address', async () => {
    const answers = await python(
      sandbox,
      `
import socket
def reach(host):
    s = socket.create_connection((host, 3000), 5); s.settimeout(5); return s.recv(99).decode()
try:
    socket.create_connection(('127.0.0.1', 3000), 5)
except ConnectionRefusedError:
    print('refused')
server = socket.create_server(('', 3000))
import threading
def serve():
    while True:
        c, a = server.accept(); c.send(b'mine'); c.close()
threading.Thread(target=serve, daemon=True).start()
for host in ('127.0.0.1', '127.9.9.9', '${ownAddress}', '203.0.113.5'): print(reach(host))`,
    );
    assert.equal(answers, `refused\nmine\nmine\nmine\n${sandbox.id} other ::ffff:203.0.113.5 3000`);
  });

  it('cannot have its rules for other ports undone from inside, nor a socket that they lead to', async () => {
    const answers = await python(
      sandbox,
      `
import socket
# NETLINK_NETFILTER, which would be asked to remove them
try: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
except OSError as error: print(error.errno)
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
for option in ((41, 75), (0, 19)):
    try: s.setsockopt(option[0], option[1], 1); print('transparent')
    except PermissionError: print('not permitted')`,
    );
    // gVisor lets anybody ask for it, and heeds it not: its network stack knows no such rules.
    const asked = inGvisor ? 'transparent' : 'not permitted';
    assert.equal(answers, `97\n${asked}\n${asked}`);
    assert.equal(await dial('203.0.113.5', 22), `${sandbox.id} other ::ffff:203.0.113.5 22`);
  });

  it('answers datagrams to the name server of resolv.conf', async () => {
    const answer = await python(
      sandbox,
      `
import socket
server = [line.split()[1] for line in open('/etc/resolv.conf') if line.startswith('nameserver')][0]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect((server, 53)); s.send(b'query'); print(s.recv(99).decode())`,
    );
    assert.equal(answer, `${sandbox.id} query`);
  });

  it('tells two sandboxes apart by their listeners', async () => {
    const other = await rig.create();
    const answer = await python(
      other,
      `import socket; print(socket.create_connection(('203.0.113.5', 443)).recv(99).decode())`,
    );
    assert.match(answer, new RegExp(`^${other.id} https`));
    await other.destroy();
  });

  it('never accepts in the server, so without a worker nothing answers, and a new one takes over', async () => {
    await rig.network.stopWorker();
    await assert.rejects(dial('203.0.113.5', 443, 0.5), /ConnectionRefusedError|TimeoutError|timed out/);
    await rig.network.replaceWorker();
    assert.match(await dial('203.0.113.5', 443), /https/);
  });
});

describe('what is inside', () => {
  it('trusts the bundle that it was given, and has it where every tool looks', async () => {
    const variables = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'PIP_CERT', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO'];
    const bundle = readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8');
    const { stdout } = await run(sandbox, variables.map((name) => `sha256sum < $${name}`).join('; '));
    const { createHash } = await import('node:crypto');
    const digest = createHash('sha256').update(bundle).digest('hex');
    assert.deepEqual(
      stdout.trim().split('\n'),
      variables.map(() => `${digest}  -`),
    );
    assert.match(
      (await run(sandbox, 'cat $NODE_EXTRA_CA_CERTS')).stdout,
      /^-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n$/m,
    );
  });

  it('has a node, whatever the host has', async () => {
    const { stdout, code } = await run(sandbox, 'node -p 1+1; /opt/standin/bin/node -p process.version');
    assert.deepEqual([stdout, code], [`2\n${process.version}\n`, 0]);
  });

  it('has a writable home, /tmp, /run and /dev/shm of a bounded size, and the rest read-only', async () => {
    const { stdout } = await run(
      sandbox,
      'pwd; for d in ~ /tmp /run /dev/shm; do touch $d/x && df --output=size $d | tail -1; done',
    );
    assert.deepEqual(stdout.trim().split(/\s+/), ['/home/user', '65536', '65536', '65536', '65536']);
    const refused = await run(
      sandbox,
      'for d in / /etc /usr /dev /opt /opt/standin/agent /var; do touch $d/x && echo $d; done; true',
    );
    assert.equal(refused.stdout, '');
    assert.equal((await run(sandbox, 'head -c 70000000 /dev/zero > ~/big')).code, 1);
    await run(sandbox, 'rm ~/big');
  });

  // In gVisor the sandbox ends as a whole (gvisor.test.ts).
  it('keeps to its number of processes, and works on afterwards', { skip: inGvisor }, async () => {
    const other = await rig.create({ limits: { memoryMib: 512, vcpuCount: 1, pids: 60, diskMib: 16 } });
    const most = await python(
      other,
      `
import os, signal, time
children = []
try:
  for _ in range(500):
    pid = os.fork()
    if pid == 0: time.sleep(600); os._exit(0)
    children.append(pid)
except BlockingIOError: pass
print(len(children))
for pid in children: os.kill(pid, signal.SIGKILL)`,
    );
    assert.ok(Number(most) > 10 && Number(most) < 60, most);
    assert.equal((await run(other, 'echo fine')).stdout, 'fine\n');
    await other.destroy();
  });

  it('keeps to its memory, and the agent outlives what used it up', { skip: inGvisor }, async () => {
    const other = await rig.create({ limits: { memoryMib: 256, vcpuCount: 1, pids: 60, diskMib: 16 } });
    const { code, stdout } = await run(other, '/usr/bin/python3', {
      args: ['-c', 'x = b"x" * 2_000_000_000; print(len(x))'],
    });
    assert.equal(stdout, '');
    assert.notEqual(code, 0);
    assert.equal((await run(other, 'echo fine')).stdout, 'fine\n');
    await other.destroy();
  });
});

describe('mounts', () => {
  it('shows a directory at the same path, and what is written inside belongs to its owner outside', async () => {
    const project = join(rig.directory, 'project');
    mkdirSync(project);
    writeFileSync(join(project, 'mine'), 'host');
    const owner = isRoot ? 4321 : process.getuid?.();
    if (isRoot) for (const path of [project, join(project, 'mine')]) chownSync(path, 4321, 8765);
    const other = await rig.create({ mounts: [{ source: project, target: '/root/work/project', readOnly: false }] });
    const { stdout, stderr } = await run(
      other,
      'cat mine; id -u; stat -c %u:%g . mine; echo new > made; mkdir -p deep/er',
      {
        workingDir: '/root/work/project',
      },
    );
    assert.deepEqual([stdout, stderr], ['host1000\n1000:1000\n1000:1000\n', '']);
    assert.equal(readFileSync(join(project, 'made'), 'utf8'), 'new\n');
    assert.deepEqual([statSync(join(project, 'made')).uid, statSync(join(project, 'deep/er')).uid], [owner, owner]);
    assert.equal((await run(other, 'touch /root/work/x /root/x')).code, 1);
    await other.destroy();
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(project), false);
  });

  it('keeps a read-only one read-only, and reaches nothing beside it', async () => {
    const shared = join(rig.directory, 'shared');
    mkdirSync(shared);
    writeFileSync(join(shared, 'file'), 'text');
    symlinkSync(rig.directory, join(shared, 'out'));
    const other = await rig.create({ mounts: [{ source: shared, target: '/srv/shared', readOnly: true }] });
    const { stdout, code } = await run(other, 'cat /srv/shared/file; ls /srv/shared/out/ || touch /srv/shared/x');
    assert.deepEqual([stdout, code], ['text', 1]);
    await other.destroy();
  });

  it('refuses one that would give away the data directory, before anything is started', async () => {
    mkdirSync(join(rig.directory, 'private'), { recursive: true });
    const target = '/home/user/x';
    const sources = [rig.directory, join(rig.directory, 'private'), join(rig.directory, 'run')];
    for (const source of sources) {
      await assert.rejects(rig.create({ mounts: [{ source, target, readOnly: true }] }), { code: 'bad_request' });
    }
  });
});

it('starts a sandbox and runs its first command within 150 ms on an idle machine; 2 s here, where others work', async () => {
  const start = performance.now();
  const other = await rig.create();
  await run(other, 'true');
  assert.ok(performance.now() - start < 2000);
  await other.destroy();
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);

/** What is left on the machine of a sandbox: control groups, files of the driver. */
function leftOf(id: string): string[] {
  const places = [join(rig.directory, 'run/running'), ...globSync('/sys/fs/cgroup/**/standin-*/')];
  return places.flatMap((place) => namesIn(place).filter((name) => name.includes(id)));
}

/** None where it is gone: other servers on this machine come and go. */
function namesIn(place: string): string[] {
  return existsSync(place) ? globSync('*', { cwd: place }) : [];
}

function processesWith(word: string): number[] {
  return processIds().filter((pid) => commandLine(pid).split('\0').includes(word));
}

function groupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return '';
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}
