import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { encodeFrame } from '../../../src/sandbox/agent/protocol.ts';
import { dialPath } from '../../../src/sandbox/agent-dial.ts';
import { agentFiles, dialPort } from '../../../src/sandbox/agent-files.ts';
import type { RunningSandbox, SandboxFiles } from '../../../src/sandbox/driver.ts';
import { inGvisor } from '../../support/sandbox-drivers.ts';
import { againAsOrdinaryUser, againInGvisor, eventually, isRoot, openRig, run } from './harness.ts';
import type { Rig } from './harness.ts';

const megabyte = 1024 * 1024;
let rig: Rig;
let sandbox: RunningSandbox;
let files: SandboxFiles;
before(async () => {
  rig = openRig();
  sandbox = await rig.create({ limits: { memoryMib: 512, vcpuCount: 2, pids: 200, diskMib: 96 } });
  files = sandbox.files;
});
after(() => rig.close());

const write = (path: string, content: string | Buffer) => files.write(path, Readable.from([Buffer.from(content)]));
const read = async (path: string) => text((await files.read(path)).content);
const said = async (command: string) => (await run(sandbox, command)).stdout;

/** So many bytes that differ from place to place, without holding them. */
function* bytes(size: number): Generator<Buffer> {
  const block = Buffer.alloc(65_521);
  for (let at = 0; at < size; at += block.length) {
    block.writeUInt32BE(at, 0);
    yield Buffer.from(block.subarray(0, Math.min(block.length, size - at)));
  }
}

describe('a file of a sandbox', () => {
  it('comes back as it was written, with its size, and its parents are made', async () => {
    const path = '/home/user/new/folder/日本 ü\n"file".txt';
    assert.deepEqual(await write(path, 'häßlich\0bytes'), { size: 15 });
    const { size, content } = await files.read(path);
    assert.equal(size, 15);
    assert.equal(await text(content), 'häßlich\0bytes');
    assert.equal(await said('stat -c %a /home/user/new /home/user/new/folder/*'), '755\n644\n');
  });

  it('may be empty, and may have no size that is known before it is read', async () => {
    assert.deepEqual(await write('/tmp/empty', ''), { size: 0 });
    assert.deepEqual([(await files.read('/tmp/empty')).size, await read('/tmp/empty')], [0, '']);
    const status = await files.read('/proc/self/status');
    assert.equal(status.size, null);
    assert.match(await text(status.content), /^Name:/);
  });

  it('of any length goes both ways whole', async () => {
    const size = 64 * megabyte + 7;
    assert.deepEqual(await files.write('/tmp/large', Readable.from(bytes(size))), { size });
    const hash = createHash('sha256');
    for await (const chunk of (await files.read('/tmp/large')).content) hash.update(chunk);
    const expected = createHash('sha256');
    for (const chunk of bytes(size)) expected.update(chunk);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
    await said('rm /tmp/large');
  });

  it('keeps its mode, its owner and its links when it is written again', async () => {
    await said('cd ~; echo old > script; chmod 750 script; ln -s script link; ln -s nowhere dangling');
    await write('/home/user/link', 'new');
    assert.equal(
      await said('cd ~; cat script; stat -c " %a %F" script link'),
      'new 750 regular file\n 777 symbolic link\n',
    );
    await write('/home/user/dangling', 'made');
    assert.equal(await said('cat ~/nowhere'), 'made');
  });

  it('that is not written to its end is not there, and what was there stays', async () => {
    await write('/tmp/kept', 'as it was');
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      throw new Error('the client went away');
    }
    await assert.rejects(files.write('/tmp/kept', Readable.from(broken())), /the client went away/);
    await assert.rejects(files.write('/tmp/never', Readable.from(broken())), /the client went away/);
    assert.equal(await read('/tmp/kept'), 'as it was');
    await eventually(
      'nothing is left of it',
      async () => (await said('ls -A /tmp | grep -c -e never -e standin')) === '0\n',
    );
  });

  it('for which there is no room is refused, and the sandbox goes on', async () => {
    const tooMuch = Readable.from(bytes(200 * megabyte));
    await assert.rejects(files.write('/tmp/too-much', tooMuch), { code: 'sandbox_storage_full' });
    assert.deepEqual(await write('/tmp/small', 'fits'), { size: 4 });
    assert.equal(await said('ls /tmp/too-much 2>&1 | grep -c "No such"'), '1\n');
  });

  it('that cannot be is refused with the reason', async () => {
    await said('cd /tmp; mkdir -p dir; mkfifo pipe; ln -s b a; ln -s a b; touch shut; chmod 0 shut');
    const refusals: [string, 'read' | 'write', string, RegExp][] = [
      ['/tmp/none', 'read', 'not_found', /nothing of that name/],
      ['/tmp/dir', 'read', 'bad_request', /format=zip/],
      ['/tmp/dir', 'write', 'bad_request', /is a directory/],
      ['/tmp/pipe', 'read', 'bad_request', /nothing that can be read/],
      ['/tmp/pipe', 'write', 'bad_request', /nothing that can be read/],
      ['/dev/null', 'write', 'bad_request', /nothing that can be read/],
      ['/tmp/a', 'read', 'bad_request', /links/],
      ['/tmp/shut', 'read', 'bad_request', /may not/],
      ['/tmp/small/below', 'write', 'bad_request', /a part of it is a file/],
      // gVisor asks who may before it asks what can be written.
      ['/usr/bin/new', 'write', 'bad_request', inGvisor ? /may not/ : /cannot be written/],
      [`/tmp/${'x'.repeat(300)}`, 'write', 'bad_request', /longer/],
    ];
    await write('/tmp/small', 'x');
    for (const [path, what, code, words] of refusals) {
      const attempt = what === 'read' ? files.read(path) : write(path, 'x');
      await assert.rejects(attempt, { code, message: words }, `${what} ${path}`);
    }
  });

  it('of a sandbox that is paused is not touched', async () => {
    const other = await rig.create();
    await other.pause();
    await assert.rejects(other.files.read('/etc/passwd'), { code: 'unavailable' });
    await assert.rejects(other.files.write('/tmp/x', Readable.from([])), { code: 'unavailable' });
    await assert.rejects(other.connect(80), { code: 'unavailable' });
    await other.destroy();
  });

  it('is the sandbox’s own, wherever a link leads', async () => {
    const secret = join(rig.directory, 'host-secret');
    writeFileSync(secret, 'of the host');
    await said(`ln -s ${secret} /tmp/out; ln -s /proc/1/root/${secret} /tmp/around; ln -s /etc /tmp/etc`);
    for (const path of ['/tmp/out', '/tmp/around', secret]) await assert.rejects(files.read(path));
    assert.match(await read('/tmp/etc/passwd'), /^root:.*\nuser:x:1000/);
    await assert.rejects(write('/tmp/etc/passwd', 'x'));
  });
});

describe('a directory of a sandbox', () => {
  it('is listed by name, with links as what they lead to', async () => {
    await said(
      'mkdir -p /tmp/list/sub; cd /tmp/list; printf 12345 > b; touch -d @1700000000 b; ln -s sub link; ln -s none lost; touch é Z',
    );
    const entries = await files.list('/tmp/list');
    assert.deepEqual(
      entries.map(({ name, isDirectory, size }) => [name, isDirectory, size]),
      [
        ['Z', false, 0],
        ['b', false, 5],
        ['link', true, 0],
        ['lost', false, 0],
        ['sub', true, 0],
        ['é', false, 0],
      ],
    );
    assert.equal(entries[1]?.modified, 1_700_000_000);
    await assert.rejects(files.list('/tmp/list/b'), { code: 'bad_request' });
    await assert.rejects(files.list('/tmp/list/none'), { code: 'not_found' });
  });

  it('may have thousands of entries, and names that are not UTF-8', async () => {
    await said('mkdir /tmp/many && cd /tmp/many && seq 1 3000 | xargs touch; touch "$(printf \'bad\\377\')"');
    const names = (await files.list('/tmp/many')).map(({ name }) => name);
    assert.equal(names.length, 3001);
    assert.ok(names.includes('bad\ufffd'));
    await said('rm -r /tmp/many');
  });

  it('is walked with all that is in it but links, pipes and what may not be read', async () => {
    await said(
      'mkdir -p /tmp/tree/a/b /tmp/tree/empty /tmp/tree/shut; cd /tmp/tree; printf one > a/1; printf two > a/b/2; ' +
        'ln -s /etc/passwd link; ln -s . loop; mkfifo pipe; chmod 750 a/1; touch shut/x; chmod 0 shut',
    );
    const found: [string, string | null, number][] = [];
    for await (const { path, content, mode } of files.walk('/tmp/tree')) {
      found.push([path, content === null ? null : await text(content), mode]);
    }
    assert.deepEqual(
      found.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      [
        ['a', null, 0o755],
        ['a/1', 'one', 0o750],
        ['a/b', null, 0o755],
        ['a/b/2', 'two', 0o644],
        ['empty', null, 0o755],
        ['shut', null, 0],
      ],
    );
  });
});

describe('a port of a sandbox', () => {
  const listen = `
import socket, sys, threading
s = socket.socket(socket.AF_INET); s.bind(('127.0.0.1', 8000)); s.listen()
print('listening', flush=True)
while True:
  c, _ = s.accept()
  data = b''
  while True:
    d = c.recv(65536)
    if not d: break
    data += d
  c.sendall(b'got %d' % len(data)); c.close()`;

  it('takes what it is told to its end, and answers', async () => {
    const session = await sandbox.exec({ command: '/usr/bin/python3', args: ['-c', listen], env: {} });
    await once(session.stdout, 'data');
    const port = await sandbox.connect(8000);
    Readable.from(bytes(3 * megabyte)).pipe(port);
    assert.equal(await text(port), `got ${3 * megabyte}`);
    const abandoned = await sandbox.connect(8000);
    abandoned.destroy();
    const again = await sandbox.connect(8000);
    again.end('12');
    assert.equal((await buffer(again)).toString(), 'got 2');
    session.signal('SIGKILL');
    await session.exit;
  });

  it('that nobody listens on is unavailable', async () => {
    await assert.rejects(sandbox.connect(8001), { code: 'unavailable', message: /nothing listens on port 8001/ });
  });
});

describe('an agent that lies', { skip: isRoot ? false : 'needs no second run' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'standin-liar-'));
  after(() => rmSync(directory, { recursive: true }));
  let made = 0;

  async function against(answers: Buffer[], use: (files: SandboxFiles) => Promise<void>): Promise<void> {
    const path = join(directory, `${(made += 1)}`);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => answers.forEach((each) => socket.write(each)));
    }).listen(path);
    await once(server, 'listening');
    try {
      await use(agentFiles(dialPath(path), () => null, { answerWithinMs: 500 }));
    } finally {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    }
  }

  const lost = { code: 'unavailable' };
  const entry = { path: 'x', isDirectory: true, size: 0, modified: 0, mode: 0o755 };
  const zeros = (length: number) => encodeFrame('content', Buffer.alloc(length));
  const whole = async (each: SandboxFiles) => text((await each.read('/x')).content);
  const drained = async (tree: ReturnType<SandboxFiles['walk']>) => {
    let entries = 0;
    for await (const _ of tree) entries += 1;
    return entries;
  };
  const lies: [string, Buffer[], (files: SandboxFiles) => Promise<unknown>][] = [
    ['a size that is none', [encodeFrame('opened', { size: -1 })], (each) => each.read('/x')],
    ['a frame out of its order', [encodeFrame('contentEnd')], (each) => each.read('/x')],
    ['bytes that are no frame', [Buffer.from('HTTP/1.1 200 OK\r\n\r\n')], (each) => each.list('/x')],
    ['an entry that is none', [encodeFrame('entries', { entries: [{ name: '../x' }] })], (each) => each.list('/x')],
    [
      'a failure of a kind that it may not have',
      [encodeFrame('failed', { code: 'unauthorized', message: 'no' })],
      (each) => each.list('/x'),
    ],
    ['a file that is longer than it said', [encodeFrame('opened', { size: 5 }), zeros(4), zeros(2)], whole],
    [
      'a file that is shorter than it said',
      [encodeFrame('opened', { size: 5 }), zeros(4), encodeFrame('contentEnd')],
      whole,
    ],
    ['a silence', [], (each) => each.read('/x')],
    ['a silence when it was sent everything', [], (each) => each.write('/x', Readable.from([Buffer.from('x')]))],
    ['a silence where entries are wanted', [], (each) => each.list('/x')],
    [
      'a written size that is none',
      [encodeFrame('done', { size: 'all' })],
      (each) => each.write('/x', Readable.from([])),
    ],
    ...['../up', '/etc', 'a//b', '.', ''].map((path): [string, Buffer[], (files: SandboxFiles) => Promise<unknown>] => [
      `a name that leads elsewhere: ${path}`,
      [encodeFrame('entry', { ...entry, path })],
      async (each) => {
        for await (const _ of each.walk('/x')) assert.fail('it was believed');
      },
    ]),
  ];
  for (const [what, answers, use] of lies) {
    it(`is not believed ${what}`, async () => {
      await against(answers, (each) => assert.rejects(use(each), lost));
    });
  }

  for (const size of [0, 5]) {
    it(`does not keep the end of a file of ${size} bytes back`, async () => {
      const answers = [encodeFrame('opened', { size }), ...(size === 0 ? [] : [zeros(size)])];
      await against(answers, async (each) => assert.equal((await whole(each)).length, size));
      await against([...answers, zeros(1)], async (each) => assert.equal((await whole(each)).length, size));
    });
  }

  it('and breaks a connection to a port off is no error that ends the server', async () => {
    const path = join(directory, 'breaks');
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(encodeFrame('opened'), () => socket.destroy()));
    }).listen(path);
    await once(server, 'listening');
    const port = await dialPort(dialPath(path), 80);
    // Nobody listens to it yet; what is written meets a connection that is gone (EPIPE).
    while (!port.destroyed) {
      port.write('x'.repeat(70_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    server.close();
  });

  it('cannot fill the server’s memory with entries', async () => {
    const tooMany = { code: 'bad_request' };
    const many = Array.from({ length: 2000 }, () => ({ ...entry, name: 'x' }));
    const list = Array.from({ length: 60 }, () => encodeFrame('entries', { entries: many }));
    await against(list, (each) => assert.rejects(each.list('/x'), tooMany));
    const long = Array.from({ length: 80 }, () => encodeFrame('entry', { ...entry, path: 'x'.repeat(500_000) }));
    await against(long, (each) => assert.rejects(drained(each.walk('/x')), tooMany));
    const tree = [Buffer.concat(Array.from({ length: 110_000 }, () => encodeFrame('entry', entry)))];
    await against(tree, (each) => assert.rejects(drained(each.walk('/x')), tooMany));
  });

  it('and stops in the middle of a file ends that file with an error', async () => {
    const answers = [
      encodeFrame('opened', { size: 5 }),
      encodeFrame('content', Buffer.from('12')),
      encodeFrame('done'),
    ];
    await against(answers, async (each) => {
      const { content } = await each.read('/x');
      await assert.rejects(text(content), lost);
    });
  });
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);
