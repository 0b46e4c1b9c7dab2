import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { RunningSandbox } from '../../src/sandbox/driver.ts';
import {
  againAsOrdinaryUser,
  againInGvisor,
  eventually,
  isRoot,
  openRig,
  python,
  run,
} from '../unit/sandbox/harness.ts';
import { inGvisor } from '../support/sandbox-drivers.ts';
import type { Rig } from '../unit/sandbox/harness.ts';

/**
 * Threat 18: code in a sandbox reaches nothing of the host, of the server or of another sandbox. Each attack is made
 * with arguments for which, without the defence, the kernel would say something else. In gVisor `ls` does not work (docs/sandboxes.md),
 * so none is used.
 */
const marker = 'host-marker-5f2c';
let rig: Rig;
let sandbox: RunningSandbox;
let other: RunningSandbox;
let project: string;

before(async () => {
  process.env['STANDIN_TEST_SECRET'] = marker;
  rig = openRig();
  mkdirSync(join(rig.directory, 'private'));
  writeFileSync(join(rig.directory, 'private', 'key'), marker);
  project = join(rig.directory, 'project');
  mkdirSync(project);
  symlinkSync(join(rig.directory, 'private'), join(project, 'link'));
  sandbox = await rig.create({ mounts: [{ source: project, target: '/srv/project', readOnly: false }] });
  other = await rig.create();
  await run(other, `echo ${marker} > /tmp/theirs; echo ${marker} > ~/theirs; echo ${marker} > /dev/shm/theirs`);
});
after(() => rig.close());

const errors = { EPERM: 1, ENOSYS: 38, EPROTONOSUPPORT: 93, EAFNOSUPPORT: 97 };
const badPointer = 1;

/** System calls by number on x86-64 and arm64, arguments, and the error of the filter. */
const calls: Record<string, { numbers: [number, number]; args: number[]; error?: keyof typeof errors }> = {
  mount: { numbers: [165, 40], args: [badPointer, badPointer, badPointer, 0, 0] },
  umount2: { numbers: [166, 39], args: [badPointer, 0xffff] },
  chroot: { numbers: [161, 51], args: [badPointer] },
  open_tree: { numbers: [428, 428], args: [-1, badPointer, 0] },
  mount_setattr: { numbers: [442, 442], args: [-1, badPointer, 0xffff, 0, 0] },
  'unshare a user namespace': { numbers: [272, 97], args: [0x1000_0000] },
  'unshare file descriptors': { numbers: [272, 97], args: [0x400] },
  setns: { numbers: [308, 268], args: [-1, 0] },
  'clone into a user namespace': { numbers: [56, 220], args: [0x1000_0011, 0, 0, 0, 0] },
  clone3: { numbers: [435, 435], args: [0, 0], error: 'ENOSYS' },
  ptrace: { numbers: [101, 117], args: [0, 0, 0, 0] },
  process_vm_readv: { numbers: [310, 270], args: [0x7fff_ffff, 0, 0, 0, 0, 0] },
  process_vm_writev: { numbers: [311, 271], args: [0x7fff_ffff, 0, 0, 0, 0, 0] },
  pidfd_getfd: { numbers: [438, 438], args: [-1, 0, 0] },
  kcmp: { numbers: [312, 272], args: [0x7fff_ffff, 0x7fff_ffff, 0, 0, 0] },
  bpf: { numbers: [321, 280], args: [0, badPointer, 8] },
  perf_event_open: { numbers: [298, 241], args: [badPointer, 0, -1, -1, 0] },
  userfaultfd: { numbers: [323, 282], args: [0xffff] },
  keyctl: { numbers: [250, 219], args: [0, -4, 1] },
  add_key: { numbers: [248, 217], args: [badPointer, badPointer, 0, 0, 0] },
  request_key: { numbers: [249, 218], args: [badPointer, badPointer, 0, 0] },
  io_uring_setup: { numbers: [425, 425], args: [0, badPointer], error: 'ENOSYS' },
  io_uring_register: { numbers: [427, 427], args: [-1, 0, 0, 0], error: 'ENOSYS' },
  openat2: { numbers: [437, 437], args: [-1, badPointer, badPointer, 24], error: 'ENOSYS' },
  init_module: { numbers: [175, 105], args: [badPointer, 0, 0] },
  kexec_load: { numbers: [246, 104], args: [badPointer, 0, 0, 0] },
  settimeofday: { numbers: [164, 170], args: [badPointer, 0] },
  open_by_handle_at: { numbers: [304, 265], args: [badPointer, 0, 0] },
  vmsplice: { numbers: [278, 75], args: [-1, 0, 0, 0] },
};
/** Calls that the lack of capabilities refuses first: here the filter is the second defence. */
const doubly: Record<string, [number, number]> = {
  pivot_root: [155, 41],
  move_mount: [429, 429],
  reboot: [169, 142],
  swapon: [167, 224],
};

async function errnoOf(number: number, args: number[]): Promise<number> {
  const words = [number, ...args].map((each) => `ctypes.c_long(${each})`).join(', ');
  return Number(
    await python(
      sandbox,
      `import ctypes; c = ctypes.CDLL(None, use_errno=True); print(0 if c.syscall(${words}) != -1 else ctypes.get_errno())`,
    ),
  );
}
const machine = process.arch === 'arm64' ? 1 : 0;

describe('system calls that lead out', () => {
  for (const [name, { numbers, args, error = 'EPERM' }] of Object.entries(calls)) {
    it(`${name} is refused by the filter`, async () => {
      assert.equal(await errnoOf(numbers[machine], args), errors[error]);
    });
  }
  for (const [name, numbers] of Object.entries(doubly)) {
    it(`${name} is refused`, async () => {
      assert.equal(await errnoOf(numbers[machine], [badPointer, 0, 0, 0, 0]), errors.EPERM);
    });
  }

  it('a terminal cannot be typed into for somebody else', async () => {
    const args = [
      '-c',
      'import fcntl\ntry: fcntl.ioctl(0, 0x5412, b"x"); print("typed")\nexcept OSError as e: print(e.errno)',
    ];
    const session = await sandbox.exec({ command: '/usr/bin/python3', args, env: {}, tty: { columns: 80, rows: 24 } });
    assert.equal(await text(session.stdout), `${errors.EPERM}\r\n`);
  });

  it('no set-uid file can be made, in no way, so that a mounted directory gets none', async () => {
    const tried = await python(
      sandbox,
      `
import os
path = '/srv/project/setuid'
open(path, 'w').close()
ways = [lambda: os.chmod(path, 0o4755), lambda: os.chmod(path, 0o2755), lambda: os.fchmod(os.open(path, os.O_RDWR), 0o4755),
  lambda: os.open(path + '2', os.O_CREAT | os.O_RDWR, 0o4755), lambda: os.mknod(path + '3', 0o104755)]
def errno(way):
  try: way(); return 0
  except OSError as e: return e.errno
print([errno(way) for way in ways])`,
    );
    assert.equal(tried, '[1, 1, 1, 1, 1]');
    assert.equal(statSync(join(project, 'setuid')).mode & 0o6000, 0);
    assert.equal((await run(sandbox, 'chmod 755 /srv/project/setuid')).code, 0);
  });

  it('nobody gains privileges by running a program', async () => {
    const { stdout } = await run(sandbox, 'grep -E "NoNewPrivs|Cap" /proc/self/status');
    // gVisor has no ambient capabilities to show, nor the other line; its kernel never heeds a set-uid bit.
    if (!inGvisor) assert.match(stdout, /NoNewPrivs:\s1/);
    assert.equal(stdout.match(/Cap\w+:\s0{16}$/gm)?.length, inGvisor ? 4 : 5, stdout);
  });
});

describe('sockets', () => {
  const open = async (family: number, type: number, protocol: number) =>
    python(
      sandbox,
      `
import ctypes
c = ctypes.CDLL(None, use_errno=True)
print(0 if c.socket(${family}, ${type}, ${protocol}) != -1 else ctypes.get_errno())`,
    );
  const families = { AX25: 3, PACKET: 17, RDS: 21, CAN: 29, TIPC: 30, BLUETOOTH: 31, ALG: 38, VSOCK: 40, XDP: 44 };
  for (const [name, family] of Object.entries(families)) {
    it(`there is no family ${name}`, async () => assert.equal(await open(family, 1, 0), String(errors.EAFNOSUPPORT)));
  }
  it('netlink is for routes alone', async () => {
    assert.equal(await open(16, 3, 0), '0');
    assert.equal(await open(16, 3, 16), String(errors.EAFNOSUPPORT));
  });
  it('there are no raw sockets, no ICMP, no SCTP', async () => {
    assert.equal(await open(2, 3, 255), String(errors.EPROTONOSUPPORT));
    assert.equal(await open(10, 2, 58), String(errors.EPROTONOSUPPORT));
    assert.equal(await open(2, 1, 132), String(errors.EPROTONOSUPPORT));
    assert.equal(await open(2, 3, 6), String(errors.EPERM));
  });
});

describe('the network', () => {
  const servers: Server[] = [];
  after(() => servers.forEach((server) => server.close()));
  async function listen(where: { host: string; port: number } | { path: string }): Promise<number> {
    const server = createServer((socket) => socket.end(marker));
    servers.push(server);
    server.listen(where);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }
  const attempt = (program: string) =>
    python(
      sandbox,
      `
import socket
try:
${program}
except OSError as e: print(type(e).__name__)`,
    );

  it('the host’s loopback is another one', async () => {
    const port = await listen({ host: '127.0.0.1', port: 0 });
    for (const address of ['127.0.0.1', 'localhost', '::1']) {
      const answer = await attempt(` print(socket.create_connection(('${address}', ${port}), 3).recv(99))`);
      assert.equal(answer, 'ConnectionRefusedError');
    }
  });

  it('the host’s abstract sockets are out of reach, and another sandbox’s too', async () => {
    const name = `standin-test-${process.pid}`;
    await listen({ path: `\0${name}` });
    const connect = ` s = socket.socket(socket.AF_UNIX); s.connect('\\0${name}'); print(s.recv(99))`;
    assert.equal(await attempt(connect), 'ConnectionRefusedError');
    const theirs = `import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('\\0theirs'); s.listen(); print('up', flush=True); time.sleep(600)`;
    const session = await other.exec({ command: '/usr/bin/python3', args: ['-c', theirs], env: {} });
    await once(session.stdout, 'data');
    assert.equal(await attempt(connect.replace(name, 'theirs')), 'ConnectionRefusedError');
    session.signal('SIGKILL');
  });

  it('every TCP port leads to the proxy, and no UDP but the name server: IPv4, IPv6, QUIC', async () => {
    for (const [address, port, dialled] of [
      ['203.0.113.5', 25, '::ffff:203.0.113.5'],
      ['203.0.113.5', 8443, '::ffff:203.0.113.5'],
      ['2606:4700::1111', 22, '2606:4700::1111'],
    ] as const) {
      assert.equal(
        await attempt(` print(socket.create_connection(('${address}', ${port}), 3).recv(99).decode())`),
        `${sandbox.id} other ${dialled} ${port}`,
      );
    }
    for (const [family, address] of [
      ['AF_INET', '203.0.113.5'],
      ['AF_INET6', '2606:4700::1111'],
    ] as const) {
      const quic = ` s = socket.socket(socket.${family}, socket.SOCK_DGRAM); s.settimeout(3); s.connect(('${address}', 443)); s.send(b'x'); print(s.recv(99))`;
      assert.equal(await attempt(quic), 'ConnectionRefusedError');
    }
  });

  it('there is no interface but its own, and nothing about it can be changed', async () => {
    const { stdout } = await run(sandbox, 'cut -d: -s -f1 /proc/net/dev');
    // gVisor's own network stack has an interface too, whose other end is in a namespace of this sandbox alone.
    assert.deepEqual(new Set(stdout.trim().split(/\s+/)), new Set(inGvisor ? ['lo', 'eth0'] : ['lo']));
    for (const change of [
      'link set lo down',
      'addr add 10.9.8.7/32 dev lo',
      inGvisor ? 'route del default' : 'route flush table local',
      'link add d0 type dummy',
    ]) {
      assert.notEqual((await run(sandbox, `ip ${change}`)).code, 0, change);
    }
    assert.equal(
      await attempt(` s = socket.socket(); s.bind(('203.0.113.9', 443)); print('bound')`),
      // Of gVisor's interface it is not an address, so that it is refused whoever asks.
      inGvisor ? 'OSError' : 'PermissionError',
    );
    assert.notEqual((await run(sandbox, 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start')).code, 0);
  });
});

describe('files', () => {
  it('nothing of the host is there: homes, the data directory, the driver’s sockets, devices, /sys', async () => {
    const paths = [
      rig.directory,
      join(rig.directory, 'private/key'),
      join(rig.directory, 'run'),
      dirname(process.execPath),
    ];
    for (const path of [
      ...paths,
      '/root',
      // What gVisor shows there is its own.
      ...(inGvisor ? [] : ['/sys/kernel']),
      '/boot',
      '/etc/shadow',
      '/etc/ssh',
      '/etc/ssl/private',
      '/dev/mem',
      '/dev/kmsg',
      '/dev/kvm',
      '/var/lib',
      '/var/log',
    ]) {
      assert.equal((await run(sandbox, `test -e ${path}`)).code, 1, path);
    }
    assert.equal((await run(sandbox, 'cd /home && echo *')).stdout, 'user\n');
    const devices = inGvisor
      ? 'fd full fuse net null ptmx pts random shm stderr stdin stdout tty urandom zero'
      : 'core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero';
    assert.equal((await run(sandbox, 'cd /dev && echo *')).stdout.trim().replace('console ', ''), devices);
  });

  it('a link in a mounted directory leads to the sandbox’s own files, not the host’s', async () => {
    assert.equal((await run(sandbox, 'cat /srv/project/link/key')).code, 1);
    assert.equal((await run(sandbox, 'test -h /srv/project/link')).code, 0);
  });

  it('the root of any process in sight is the sandbox’s own', async () => {
    const { stdout } = await run(
      sandbox,
      'for p in /proc/[0-9]*; do cd $p/root/ 2>/dev/null && echo *; done | sort -u | grep .',
    );
    assert.equal(stdout.trim().split('\n').length, 1, stdout);
    assert.equal((await run(sandbox, `cat /proc/1/root${join(rig.directory, 'private/key')}`)).code, 1);
  });

  it('another sandbox’s files are not there', async () => {
    assert.equal((await run(sandbox, 'cat /tmp/theirs ~/theirs /dev/shm/theirs')).stdout, '');
    assert.equal((await run(other, 'cat /tmp/theirs')).stdout, `${marker}\n`);
  });

  it('another sandbox’s shared memory is not there', async () => {
    const get = (flags: string) => `import ctypes; print(ctypes.CDLL(None).shmget(0x57a4d1, 4096, ${flags}) != -1)`;
    assert.equal(await python(other, get('0o1666')), 'True');
    assert.equal(await python(other, get('0')), 'True');
    assert.equal(await python(sandbox, get('0')), 'False');
  });

  it('the kernel’s switches cannot be written', async () => {
    const switches = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/user/max_user_namespaces',
      '/proc/sysrq-trigger',
      '/proc/sys/kernel/ns_last_pid',
    ];
    for (const path of switches) {
      const { stdout } = await run(sandbox, `test -e ${path} && (echo x > ${path}) && echo written`);
      assert.equal(stdout, '', path);
    }
  });
});

describe('processes', () => {
  it('no process of the host or of another sandbox is in sight, nor a word of theirs', async () => {
    await run(other, `sleep 777 & sleep 778 &`);
    const { stdout } = await run(sandbox, 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"');
    for (const word of [marker, rig.directory, '777', 'STANDIN_']) assert.equal(stdout.includes(word), false, word);
    const environment = inGvisor ? 'PATH=/usr/bin:/bin\0HOME=/root\0' : 'PWD=/\0';
    assert.equal((await run(sandbox, 'cat /proc/1/environ')).stdout, environment);
  });

  it('no process outside can be signalled', async () => {
    assert.equal((await run(sandbox, `kill -0 ${process.pid}`)).code, 1);
    await run(sandbox, 'kill -9 1; kill -9 -1').catch(() => undefined);
    const back = async () => (await run(sandbox, 'echo still here').catch(() => null))?.stdout === 'still here\n';
    await eventually('its agent is back', back);
    assert.equal((await run(other, 'pgrep -c sleep')).stdout, '2\n');
  });

  it('a process has no descriptor that the server or the launcher had', async () => {
    const { stdout } = await run(sandbox, 'for p in /proc/[0-9]*; do readlink $p/fd/* 2>/dev/null; done | sort -u');
    const foreign = stdout
      .trim()
      .split('\n')
      .filter((line) => !/^(pipe:|socket:|anon_inode:|\/dev\/null$|\/proc\/\d+\/fd$)/.test(line));
    assert.deepEqual(foreign, []);
    assert.equal((await run(sandbox, 'cd /proc/self/fd && echo *')).stdout, '0 1 2 3\n');
  });

  it(
    'runs as nobody that the host knows',
    { skip: isRoot ? false : 'as an ordinary user it runs as that user' },
    async () => {
      if (inGvisor) {
        // Nor as any process that the host knows: only gVisor's own kernel knows of it.
        const seconds = 1_000_000 + process.pid;
        await run(sandbox, `sleep ${seconds} > /dev/null 2>&1 &`);
        assert.equal((await run(sandbox, `pgrep -fc 'sleep ${seconds}'`)).code, 0);
        assert.equal(uidOf(seconds), null);
        return;
      }
      const uids: number[] = [];
      for (const each of [sandbox, other]) {
        const seconds = 7000 + uids.length;
        await run(each, `sleep ${seconds} > /dev/null 2>&1 &`);
        await eventually('it sleeps', () => Promise.resolve(uidOf(seconds) !== null));
        uids.push(uidOf(seconds) ?? 0);
      }
      assert.ok(
        uids.every((uid) => uid >= 1_900_000_000 && uid < 2_000_000_000),
        String(uids),
      );
      assert.notEqual(uids[0], uids[1]);
    },
  );
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);

/** The host's uid of the `sleep` of so many seconds, or null. */
function uidOf(seconds: number): number | null {
  const pid = readdirSync('/proc').find((name) => {
    const path = `/proc/${name}/cmdline`;
    return /^\d+$/.test(name) && existsSync(path) && readFileSync(path, 'utf8') === `sleep\0${seconds}\0`;
  });
  return pid === undefined ? null : statSync(`/proc/${pid}`).uid;
}
