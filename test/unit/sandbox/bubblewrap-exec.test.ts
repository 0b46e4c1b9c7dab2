import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { RunningSandbox } from '../../../src/sandbox/driver.ts';
import { againAsOrdinaryUser, againInGvisor, eventually, openRig, run } from './harness.ts';
import { inGvisor } from '../../support/sandbox-drivers.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
let sandbox: RunningSandbox;

before(async () => {
  rig = openRig();
  sandbox = await rig.create();
});
after(() => rig.close());

describe('exec', () => {
  it('gives standard output, standard error and the exit code of a shell line', async () => {
    const outcome = await run(sandbox, 'echo out; echo err >&2; exit 7');
    assert.deepEqual(outcome, { stdout: 'out\n', stderr: 'err\n', code: 7 });
  });

  it('runs a program with its arguments as they are', async () => {
    const outcome = await run(sandbox, 'printf', { args: ['%s|', 'a b', '$HOME', ''] });
    assert.equal(outcome.stdout, 'a b|$HOME||');
  });

  it('says 127 for a program that does not exist and 126 for one that cannot be run, as a shell does', async () => {
    const missing = await run(sandbox, 'no-such-program', { args: [] });
    assert.deepEqual([missing.code, missing.stderr], [127, 'no-such-program: not found\n']);
    const plain = await run(sandbox, '/etc/passwd', { args: [] });
    assert.deepEqual([plain.code, plain.stderr], [126, '/etc/passwd: cannot be run\n']);
  });

  it('refuses a working directory that is none, by the name of the field', async () => {
    await assert.rejects(run(sandbox, 'true', { workingDir: '/nowhere' }), {
      code: 'bad_request',
      message: /working_dir/,
    });
  });

  it('gives a process its own variables, the driver’s, and nothing of the server’s', async () => {
    process.env['STANDIN_TEST_MARKER'] = 'of the server';
    const { stdout } = await run(sandbox, 'env', { env: { OWN: 'value', LANG: 'C' } });
    const variables = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line): [string, string] => [line.split('=')[0] ?? '', line]),
    );
    assert.equal(variables.get('OWN'), 'OWN=value');
    assert.equal(variables.get('LANG'), 'LANG=C');
    const expected = new Set([...Object.keys(sandbox.baseEnv), 'OWN', 'PWD']);
    assert.deepEqual(
      [...variables.keys()].filter((name) => !expected.has(name)),
      [],
    );
  });

  it('passes standard input on to its end, whatever its size', async () => {
    const session = await sandbox.exec({ command: 'sha256sum; wc -c < /dev/null', env: {} });
    const block = Buffer.alloc(300_000, 'standin');
    for (let index = 0; index < 10; index += 1) session.stdin.write(block);
    session.stdin.end();
    const digest = createHash('sha256');
    for (let index = 0; index < 10; index += 1) digest.update(block);
    assert.equal(await text(session.stdout), `${digest.digest('hex')}  -\n0\n`);
    assert.equal(await session.exit, 0);
  });

  it('streams 30 MB of output without losing a byte to a slow reader', async () => {
    const session = await sandbox.exec({ command: 'head -c 30000000 /dev/zero; echo end', env: {} });
    session.stdin.end();
    let bytes = 0;
    let tail = '';
    for await (const chunk of session.stdout) {
      const buffer: Buffer = chunk;
      bytes += buffer.length;
      tail = buffer.toString('latin1').slice(-4);
      await new Promise(setImmediate);
    }
    assert.deepEqual([bytes, tail], [30_000_004, 'end\n']);
  });

  it('has real pipes for standard streams, so that /dev/stdin, /dev/stdout and /dev/stderr can be opened', async () => {
    const outcome = await run(sandbox, 'cat /dev/stdin > /dev/stdout; echo err > /dev/stderr', { input: 'in' });
    assert.deepEqual(outcome, { stdout: 'in', stderr: 'err\n', code: 0 });
  });

  it('ends a whole process group by a signal, also while its input is not being read', async () => {
    const session = await sandbox.exec({ command: 'sleep 1000 & sleep 1000', env: {} });
    session.stdin.on('error', () => undefined);
    let taken = false;
    session.stdin.write(Buffer.alloc(2_000_000), (error) => void (taken = !error));
    await eventually('both sleep', async () => (await run(sandbox, 'pgrep -c sleep')).stdout === '2\n');
    assert.equal(taken, false, 'what nobody reads must not be taken in');
    session.signal('SIGTERM');
    assert.equal(await session.exit, 128 + 15);
    await eventually('none sleeps', async () => (await run(sandbox, 'pgrep -c sleep')).stdout === '0\n');
  });

  it('lets background processes live on, and does not wait for them', async () => {
    const { code, stdout } = await run(sandbox, 'sleep 1000 & echo $!');
    assert.equal(code, 0);
    assert.equal((await run(sandbox, `kill -0 ${stdout.trim()}`)).code, 0);
    await run(sandbox, `kill ${stdout.trim()}`);
  });

  it('keeps a background process alive that goes on writing to the output it was started with', async () => {
    const { stdout } = await run(sandbox, '(while echo noise; do :; done) & echo $!');
    const pid = /\d+/.exec(stdout)?.[0];
    assert.equal((await run(sandbox, `kill -0 ${pid}`)).code, 0);
    await run(sandbox, `kill ${pid}`);
  });

  it('gives a terminal of the size asked for, resizes it, and makes one stream of both outputs', async () => {
    const session = await sandbox.exec({
      command: 'tty; stty size; echo err >&2; trap "stty size; exit 3" WINCH; echo ready; while :; do sleep 0.05; done',
      env: {},
      tty: { columns: 101, rows: 33 },
    });
    let output = '';
    session.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('ready') && !output.includes('55')) session.resize({ columns: 120, rows: 55 });
    });
    assert.equal(await session.exit, 3);
    assert.match(output, /^\/dev\/pts\/\d+\r\n33 101\r\nerr\r\nready\r\n55 120\r\n$/);
    assert.equal(await text(session.stderr), '');
  });

  it('gives a signal once to what is in front of a terminal, be it the program itself or one that a shell started', async () => {
    const counting = `perl -e '$SIG{INT} = sub { print "INT " }; $SIG{TERM} = sub { print "TERM\\n"; exit }; $| = 1; print "up "; sleep 1 while 1'`;
    for (const [command, args] of [
      ['sh', ['-c', `exec ${counting}`]],
      ['bash', ['-ic', `PS1=; ${counting}; exit 0`]],
    ] as const) {
      const session = await sandbox.exec({ command, args: [...args], env: {}, tty: { columns: 80, rows: 24 } });
      let output = '';
      session.stdout.on('data', (chunk: Buffer) => {
        const was = output;
        output += chunk.toString();
        if (!was.includes('up ') && output.includes('up ')) session.signal('SIGINT');
        if (!was.includes('INT ') && output.includes('INT ')) session.signal('SIGTERM');
      });
      await session.exit;
      assert.match(output, /^up INT TERM\r\n/m, command);
    }
  });

  it('tells a program of a size that is another, and of the same size again nothing', async () => {
    const session = await sandbox.exec({
      command: 'trap "stty size" WINCH; echo ready; until read line; do :; done; exit 5',
      env: {},
      tty: { columns: 80, rows: 24 },
    });
    let output = '';
    session.stdout.on('data', (chunk: Buffer) => {
      if (!output.includes('ready\r') && (output + chunk).includes('ready\r')) {
        for (const columns of [80, 90, 90]) session.resize({ columns, rows: 24 });
      }
      if (!output.includes('24 90\r') && (output + chunk).includes('24 90\r')) {
        for (const columns of [90, 90, 99]) session.resize({ columns, rows: 24 });
      }
      if (!output.includes('24 99\r') && (output + chunk).includes('24 99\r')) session.stdin.write('go\n');
      output += chunk.toString();
    });
    assert.equal(await session.exit, 5);
    assert.match(output, /^ready\r\n24 90\r\n24 99\r\ngo\r\n$/);
  });

  it('takes keys from a terminal: interrupt ends what is in front', async () => {
    const args = ['-e', '$| = 1; print "go\\n"; sleep 1000'];
    const session = await sandbox.exec({ command: 'perl', args, env: {}, tty: { columns: 80, rows: 24 } });
    for await (const chunk of session.stdout) {
      const buffer: Buffer = chunk;
      // gVisor's terminals make no signals of keys (docs/sandboxes.md).
      if (buffer.includes('go') && inGvisor) session.signal('SIGINT');
      else if (buffer.includes('go')) session.stdin.write('\u0003');
    }
    assert.equal(await session.exit, 130);
  });

  it('answers many processes at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 40 }, (_, index) => run(sandbox, `echo ${index}`)));
    assert.deepEqual(
      outcomes.map(({ stdout }) => stdout),
      outcomes.map((_, index) => `${index}\n`),
    );
  });
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);
