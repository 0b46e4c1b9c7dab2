import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findProblems } from '../../../src/sandbox/gvisor/preflight.ts';
import type { RunningSandbox } from '../../../src/sandbox/driver.ts';
import { identify } from '../../../src/sandbox/host/process-identity.ts';
import { drivers, eventually, isRoot, makeDirectory, openRig, python, run } from './harness.ts';
import type { Rig } from './harness.ts';

/** What is so of gVisor alone; what is so of every driver is in the files that are run again in gVisor. */
if (isRoot) asRoot();
else {
  it('says to an ordinary user that it needs root, and what to do', async () => {
    const problems = await findProblems();
    assert.ok(problems.some(({ what, fix }) => what === 'the server is not root' && fix.includes('bubblewrap')));
  });
}

function asRoot(): void {
  let rig: Rig;
  before(async () => {
    rig = openRig(makeDirectory(), drivers.gvisor);
    assert.deepEqual(await rig.driver.preflight(), []);
  });
  after(() => rig.close());

  const folderOf = ({ id }: RunningSandbox) => join(rig.directory, 'run/running', id);
  const imageOf = (sandbox: RunningSandbox) => join(folderOf(sandbox), 'image/checkpoint.img');
  const dial =
    "import socket; s = socket.create_connection(('203.0.113.5', 443), 5); s.settimeout(5); print(s.recv(999).decode())";
  const background = (command: string) => `(${command}) > /dev/null 2>&1 &`;
  const beating = background('while :; do echo x >> ~/beat; sleep 0.01; done');
  const beats = async (sandbox: RunningSandbox) => Number((await run(sandbox, 'wc -c < ~/beat')).stdout);
  async function assertBeats(sandbox: RunningSandbox): Promise<void> {
    const before_ = await beats(sandbox);
    await eventually('it beats', async () => (await beats(sandbox)) > before_);
  }
  /** Runs a program in Python, in the background; resolves once it has made `/tmp/up`. */
  async function begin(sandbox: RunningSandbox, program: string): Promise<void> {
    await run(sandbox, 'cat > /tmp/program', { input: program });
    await run(sandbox, background('python3 /tmp/program 2> /tmp/error'));
    await eventually('it is up', async () => (await run(sandbox, 'test -e /tmp/up')).code === 0);
  }
  /** What a program says in `/tmp/answer` once it sees `/tmp/go`, which it does after a pause, and what it says of errors. */
  async function answerAfterPause(sandbox: RunningSandbox, program: string): Promise<string> {
    await begin(sandbox, program);
    await sandbox.pause();
    await sandbox.resume();
    await run(sandbox, 'touch /tmp/go');
    await eventually('it has an answer', async () => (await run(sandbox, 'test -e /tmp/answer')).code === 0);
    return (await run(sandbox, 'cat /tmp/answer /tmp/error')).stdout;
  }
  /** Every process of the host that has this sandbox's folder for its directory, and what is below it. */
  // Without those that have ended and wait for the machine's process 1, which may take its time.
  const processesOf = (sandbox: RunningSandbox) =>
    readdirSync('/proc').filter((pid) => {
      try {
        const isIts = /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/${sandbox.id}`);
        return isIts && identify(Number(pid)) !== null;
      } catch {
        return false;
      }
    });

  describe('a pause', () => {
    it('writes the sandbox to disk, for the server alone to read, and no process of it is left', async () => {
      const sandbox = await rig.create({ id: 'to-disk' });
      await run(sandbox, beating);
      await run(sandbox, 'echo kept > ~/file; echo kept > /dev/shm/file');
      await sandbox.pause();
      assert.equal(sandbox.paused, true);
      assert.equal(statSync(imageOf(sandbox)).mode & 0o777, 0o600);
      assert.equal(statSync(folderOf(sandbox)).mode & 0o777, 0o700);
      // What ended is there until its parent has heard of it.
      await eventually('no process is left', () => Promise.resolve(processesOf(sandbox).length === 0));
      assert.equal(await sandbox.health(), true);
      await assert.rejects(run(sandbox, 'true'), { code: 'unavailable', message: /paused/ });
      await sandbox.resume();
      assert.equal(existsSync(imageOf(sandbox)), false);
      await assertBeats(sandbox);
      assert.equal((await run(sandbox, 'cat ~/file /dev/shm/file')).stdout, 'kept\nkept\n');
      assert.equal(await python(sandbox, dial), 'to-disk https ::ffff:203.0.113.5 443');
      await sandbox.destroy();
      assert.deepEqual(readdirSync(join(rig.directory, 'run/running')), []);
    });

    it('ends the connections of commands in front, whose processes go on after it', async () => {
      const sandbox = await rig.create({ id: 'in-front' });
      const command = 'echo up; while :; do echo x >> ~/beat; sleep 0.01; done';
      const session = await sandbox.exec({ command, env: {} });
      await once(session.stdout, 'data');
      await sandbox.pause();
      await assert.rejects(session.exit, { code: 'unavailable' });
      await sandbox.resume();
      await assertBeats(sandbox);
      await sandbox.destroy();
    });

    it('resets connections that lead out and keeps those inside, and what waits in TIME-WAIT is written later', async () => {
      const sandbox = await rig.create({ id: 'connected' });
      const program = `
import socket, threading, time, os
server = socket.create_server(('127.0.0.1', 3000))
def serve():
    c, a = server.accept()
    while True: c.sendall(c.recv(99))
threading.Thread(target=serve, daemon=True).start()
within = socket.create_connection(('127.0.0.1', 3000))
closed = socket.create_connection(('203.0.113.5', 443)); closed.close()
out = socket.create_connection(('203.0.113.5', 80)); out.settimeout(5)
while out.recv(99): pass
open('/tmp/up', 'w').close()
while not os.path.exists('/tmp/go'): time.sleep(0.01)
within.sendall(b'still'); answer = within.recv(99).decode()
try: out.sendall(b'x'); out.sendall(b'x'); ended = 'open'
except OSError as e: ended = type(e).__name__
open('/tmp/answer.new', 'w').write(answer + ' ' + ended); os.rename('/tmp/answer.new', '/tmp/answer')`;
      // With TIME-WAIT it is stopped, and still in memory; it goes on from there.
      assert.match(await answerAfterPause(sandbox, program), /^still (BrokenPipe|ConnectionReset)Error/);
      await sandbox.destroy();
    });

    it('resets every one of two hundred connections that lead out, though some say nothing for half a second', async () => {
      const sandbox = await rig.create({ id: 'many-connected' });
      const program = `
import os, socket, time
out = [socket.create_connection(('203.0.113.5', 80)) for _ in range(200)]
for s in out:
    s.settimeout(5)
    while s.recv(99): pass
open('/tmp/up', 'w').close()
while not os.path.exists('/tmp/go'): time.sleep(0.01)
def is_open(s):
    try: s.sendall(b'x'); s.sendall(b'x'); return True
    except OSError: return False
open('/tmp/answer.new', 'w').write(str(sum(map(is_open, out)))); os.rename('/tmp/answer.new', '/tmp/answer')`;
      assert.equal(await answerAfterPause(sandbox, program), '0');
      await sandbox.destroy();
    });

    it('keeps in memory what gVisor cannot write: a TCP socket that is watched by epoll', async () => {
      const sandbox = await rig.create({ id: 'watching' });
      const program = `
import select, socket
server = socket.create_server(('127.0.0.1', 3000)); poll = select.epoll(); poll.register(server, select.EPOLLIN)
open('/tmp/up', 'w').close()
while True:
    poll.poll(); c, a = server.accept(); c.sendall(b'served'); c.close()`;
      await begin(sandbox, program);
      await run(sandbox, beating);
      await sandbox.pause();
      assert.equal(existsSync(imageOf(sandbox)), false);
      const record = join(folderOf(sandbox), 'sandbox.json');
      assert.equal(JSON.parse(readFileSync(record, 'utf8')).paused, true);
      await sandbox.resume();
      await assertBeats(sandbox);
      const ask = "import socket; print(socket.create_connection(('127.0.0.1', 3000)).recv(99).decode())";
      assert.equal(await python(sandbox, ask), 'served');
      await sandbox.destroy();
    });
  });

  describe('its limits', () => {
    const limits = { memoryMib: 256, vcpuCount: 1, pids: 60, diskMib: 16 };
    for (const [what, program] of [
      ['memory', 'x = b"x" * 2_000_000_000'],
      ['processes', 'import os, time\nfor _ in range(500):\n  if os.fork() == 0: time.sleep(600)'],
    ] as const) {
      it(`what uses up its ${what} ends with its sandbox, and no other`, async () => {
        const [greedy, other] = await Promise.all([rig.create({ id: `greedy-${what}`, limits }), rig.create()]);
        await run(greedy, '/usr/bin/python3', { args: ['-c', program] }).catch(() => undefined);
        await greedy.ended;
        assert.deepEqual(processesOf(greedy), []);
        assert.equal((await run(other, 'echo fine')).stdout, 'fine\n');
        await other.destroy();
      });
    }
  });

  describe('a server that is killed', () => {
    it('leaves those that run and those that are on disk to the next, which opens their network again', async () => {
      const directory = makeDirectory();
      const harness = JSON.stringify(join(import.meta.dirname, 'harness.ts'));
      const script = `
        import { openRig, run, drivers } from ${harness};
        const rig = openRig(${JSON.stringify(directory)}, drivers.gvisor);
        for (const id of ['runs', 'on-disk', 'unwanted']) {
          const sandbox = await rig.create({ id });
          await run(sandbox, ${JSON.stringify(beating)});
          if (id === 'on-disk') await sandbox.pause();
        }
        console.log('ready');`;
      const server = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(server.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
      server.kill('SIGKILL');
      await once(server, 'exit');
      const next = openRig(directory, drivers.gvisor);
      try {
        const found = await next.driver.adopt(new Set(['runs', 'on-disk', 'never-was']));
        assert.deepEqual(found.map(({ id, paused }) => `${id} ${paused}`).toSorted(), ['on-disk true', 'runs false']);
        assert.deepEqual(readdirSync(join(directory, 'run/running')).toSorted(), ['on-disk', 'runs']);
        for (const sandbox of found) {
          if (sandbox.paused) await sandbox.resume();
          const before_ = await beats(sandbox);
          await eventually('it beats', async () => (await beats(sandbox)) > before_);
          assert.equal(await python(sandbox, dial), `${sandbox.id} https ::ffff:203.0.113.5 443`);
        }
      } finally {
        await next.close();
      }
    });
  });

  it('leaves no interface, no mount and no process on the host', async () => {
    const interfaces = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).split('\n').length;
    const before_ = interfaces();
    const sandbox = await rig.create({ id: `gone-from-${process.pid}` });
    assert.equal(interfaces(), before_);
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(rig.directory), false);
    await sandbox.destroy();
    // What was killed is there until its parent has heard of it.
    await eventually('no process is left', () => Promise.resolve(processesOf(sandbox).length === 0));
    assert.equal(existsSync(folderOf(sandbox)), false);
  });
}
