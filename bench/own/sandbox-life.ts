import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { toolPath } from '../../test/support/processes.ts';
import { startStandin } from '../../test/support/standin-server.ts';
import type { StandinServer } from '../../test/support/standin-server.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';

const run = promisify(execFile);
const env = { PATH: toolPath(), HOME: '/root', LC_ALL: 'C' };
const times = 15;
const commands = 100;
const many = 200;

/**
 * What a sandbox's life costs, through the API of a real server, on loopback: medians in milliseconds, and the memory of 200 that
 * are idle. Beside it the same of podman (`run` and `exec` of a container without network) and of runsc alone (`run` of a bundle),
 * where they are installed: both on a tree of BusyBox.
 */
export async function measureSandboxLife(setting: Setting): Promise<Figure[]> {
  const server = await startStandin({
    env: {
      STANDIN_SANDBOX_DRIVER: 'bubblewrap',
      STANDIN_SANDBOX_MEMORY: '512',
      STANDIN_SANDBOX_DISK: '64',
      STANDIN_LOG_LEVEL: 'error',
    },
  });
  try {
    await oneLife(server);
    return [...(await lives(server)), ...(await idleMemory(server)), ...(await others(setting))];
  } finally {
    await server.stop();
  }
}

async function oneLife({ client }: StandinServer): Promise<void> {
  const box = await client.sandboxes.create({ name: 'warm' });
  await client.exec(box, { command: 'true' });
  await client.sandboxes.remove(box.id);
}

async function lives({ client }: StandinServer): Promise<Figure[]> {
  const created: number[] = [];
  const [execs, writes, reads, pauses, resumes]: number[][] = [[], [], [], [], []];
  const content = 'x'.repeat(1024);
  for (let index = 0; index < times; index++) {
    let box: SandboxWithAccess | undefined;
    created.push(
      await timed(async () => {
        box = await client.sandboxes.create({ name: `life-${index}` });
        await client.exec(box, { command: 'true', args: [] });
      }),
    );
    if (box === undefined) throw new Error('no sandbox');
    let access: SandboxWithAccess = box;
    for (let each = 0; each < commands / times; each++) {
      execs?.push(await timed(() => client.exec(access, { command: 'true', args: [] })));
      writes?.push(await timed(() => client.files.write(access, '/tmp/file', content)));
      reads?.push(await timed(async () => new Response(await client.files.read(access, '/tmp/file')).text()));
      pauses?.push(await timed(() => client.sandboxes.pause(access.id)));
      resumes?.push(await timed(() => client.sandboxes.resume(access.id)));
      access = await client.sandboxes.get(access.id);
    }
    await client.sandboxes.remove(access.id);
  }
  return [
    figure(['create_to_exec_ms', 'create to the end of the first command'], median(created), 120),
    figure(['exec_ms', 'a command'], median(execs ?? []), 8),
    figure(['pause_ms', 'pause'], median(pauses ?? []), 5),
    figure(['resume_ms', 'resume'], median(resumes ?? []), 10),
    figure(['write_ms', 'a file of 1 KB in'], median(writes ?? []), 4),
    figure(['read_ms', 'a file of 1 KB out'], median(reads ?? []), 4),
  ];
}

async function idleMemory({ client }: StandinServer): Promise<Figure[]> {
  const before = new Set(readdirSync('/proc').filter((name) => /^\d+$/.test(name)));
  const start = performance.now();
  const boxes: SandboxWithAccess[] = [];
  for (let at = 0; at < many; at += 4) {
    const made = await Promise.all([0, 1, 2, 3].map((each) => client.sandboxes.create({ name: `idle-${at + each}` })));
    boxes.push(...made);
  }
  const took = performance.now() - start;
  const own = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && !before.has(name) && isSandbox(name));
  const kb = own.reduce((sum, pid) => sum + proportionalKb(pid), 0);
  const alive = await Promise.all(boxes.slice(0, 20).map((box) => client.exec(box, { command: 'echo here' })));
  if (alive.some(({ stdout }) => stdout !== 'here\n')) throw new Error('a sandbox did not answer');
  for (const { id } of boxes) await client.sandboxes.remove(id);
  return [
    { name: 'idle_sandboxes', label: 'idle at once', value: many, unit: '' },
    { name: 'idle_mb', label: 'all of them, proportional set size', value: kb / 1024, unit: 'MB', target: 3072 },
    figure(['create_each_ms', 'each made, four at once'], took / many),
  ];
}

function isSandbox(pid: string): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return line.includes('bwrap') || line.includes('/opt/standin/') || line.includes('$PRLIMIT');
  } catch {
    return false;
  }
}

/** `Pss` of proc_pid_smaps(5): what is shared is divided among those who share it. */
function proportionalKb(pid: string): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function others({ note }: Pick<Setting, 'note'>): Promise<Figure[]> {
  const directory = temporaryDirectory('trees');
  const figures: Figure[] = [];
  try {
    const root = busyboxTree(join(directory.path, 'root'));
    if (root === null) return [];
    if (has('podman')) figures.push(...(await podman(root).catch((error: unknown) => failed(note, 'podman', error))));
    if (has('runsc'))
      figures.push(...(await runsc(directory.path).catch((error: unknown) => failed(note, 'runsc', error))));
    return figures;
  } finally {
    directory.remove();
  }
}

async function podman(root: string): Promise<Figure[]> {
  const name = `standin-bench-${process.pid}`;
  // Its own defaults are over what this process may give.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  // runc: crun does not run on machines whose control groups are of both versions.
  const command = (...words: string[]) => run('podman', ['--runtime', 'runc', ...words], { env });
  const start = [
    'run',
    '-d',
    '--rm',
    '--network',
    'none',
    ...limits,
    '--name',
    name,
    '--rootfs',
    root,
    '/bin/sleep',
    '1000',
  ];
  const created: number[] = [];
  const execs: number[] = [];
  for (let index = 0; index < times; index++) {
    created.push(
      await timed(async () => {
        await command(...start);
        await command('exec', name, '/bin/true');
      }),
    );
    for (let each = 0; each < 3; each++) execs.push(await timed(() => command('exec', name, '/bin/true')));
    await command('rm', '-f', '-t', '0', name);
  }
  return [
    figure(['podman_create_to_exec_ms', 'podman: run -d to the end of the first exec'], median(created)),
    figure(['podman_exec_ms', 'podman: exec'], median(execs)),
  ];
}

async function runsc(directory: string): Promise<Figure[]> {
  const spec = {
    ociVersion: '1.0.0',
    process: { user: { uid: 0, gid: 0 }, args: ['/bin/true'], cwd: '/', env: ['PATH=/bin'], noNewPrivileges: true },
    root: { path: 'root', readonly: true },
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }] },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
  const options = ['--platform=ptrace', '--network=none', '--ignore-cgroups', `--root=${join(directory, 'state')}`];
  const runs: number[] = [];
  for (let index = 0; index < times; index++) {
    const words = [...options, 'run', '--bundle', directory, `standin-bench-${process.pid}-${index}`];
    runs.push(await timed(() => run('runsc', words, { env, cwd: directory })));
  }
  return [figure(['runsc_run_ms', 'runsc: run of one command'], median(runs))];
}

function busyboxTree(root: string): string | null {
  if (!has('busybox')) return null;
  mkdirSync(join(root, 'bin'), { recursive: true });
  for (const name of ['proc', 'dev', 'sys', 'tmp', 'etc']) mkdirSync(join(root, name));
  copyFileSync(
    spawnSync('sh', ['-c', 'command -v busybox'], { env, encoding: 'utf8' }).stdout.trim(),
    join(root, 'bin/busybox'),
  );
  for (const name of ['true', 'sh', 'sleep']) symlinkSync('busybox', join(root, 'bin', name));
  return root;
}

function has(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { env }).status === 0;
}

function failed(note: (line: string) => void, name: string, error: unknown): Figure[] {
  note(`left out: ${name}: ${error instanceof Error ? error.message.trim().split('\n').at(-1) : 'it failed'}`);
  return [];
}

/** In milliseconds. */
function figure([name, label]: [string, string], value: number, target?: number): Figure {
  return { name, label, value, unit: 'ms', ...(target === undefined ? {} : { target }) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
