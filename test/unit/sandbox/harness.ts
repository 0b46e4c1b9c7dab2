import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { endSandboxes } from '../../support/end-sandboxes.ts';
import { driverName, inGvisor } from '../../support/sandbox-drivers.ts';
import { createBubblewrapDriver } from '../../../src/sandbox/bubblewrap/driver.ts';
import { createGvisorDriver } from '../../../src/sandbox/gvisor/driver.ts';
import type { LocalDriver } from '../../../src/sandbox/host/local-driver.ts';
import type {
  ExecRequest,
  NamespaceListener,
  NamespaceNetwork,
  RunningSandbox,
  SandboxSpec,
} from '../../../src/sandbox/driver.ts';

export const drivers = { bubblewrap: createBubblewrapDriver, gvisor: createGvisorDriver } as const;

export function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'standin-sandbox-'));
}

export interface Rig {
  driver: LocalDriver;
  /** A directory of the test's own; `private` in it is kept from mounts. */
  directory: string;
  network: ForkedNetwork;
  create(more?: Partial<SandboxSpec>): Promise<RunningSandbox>;
  close(): Promise<void>;
}

/**
 * A driver whose sandboxes are listened to by another process, as they are by an egress worker. `directory`: of an earlier
 * rig, whose sandboxes run.
 */
export function openRig(directory = makeDirectory(), create = drivers[driverName]): Rig {
  chmodSync(directory, 0o700);
  const network = new ForkedNetwork();
  const driver = create({
    directory: join(directory, 'run'),
    privateDirectories: [join(directory, 'private')],
    programDirectories: [],
    network,
  });
  let count = 0;
  return {
    driver,
    directory,
    network,
    create: (more = {}) => driver.create({ ...plainSpec(`sandbox-${(count += 1)}`), ...more }),
    async close() {
      await driver.close();
      await endSandboxes(join(directory, 'run'), create);
      network.end();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function plainSpec(id: string): SandboxSpec {
  const roots = readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8');
  const end = '-----END CERTIFICATE-----';
  return {
    id,
    name: id,
    caBundlePem: roots,
    caPem: `${roots.slice(0, roots.indexOf(end))}${end}\n`,
    mounts: [],
    limits: { memoryMib: 512, vcpuCount: 2, pids: 200, diskMib: 64 },
    template: null,
  };
}

/** Hands the listeners to a forked process, and again to the one that replaces it. */
export class ForkedNetwork implements NamespaceNetwork {
  readonly opened = new Map<string, NamespaceListener[]>();
  #worker: ChildProcess | null = null;

  async open(sandboxId: string, listeners: NamespaceListener[]): Promise<void> {
    this.opened.set(sandboxId, listeners);
    this.#worker ??= fork(join(import.meta.dirname, 'acceptor.ts'), { execArgv: [] });
    for (const { kind, handle } of listeners) {
      Reflect.apply(Reflect.get(this.#worker, 'send'), this.#worker, [{ sandboxId, kind }, handle]);
      await once(this.#worker, 'message');
    }
  }

  async close(sandboxId: string): Promise<void> {
    if (!this.opened.delete(sandboxId) || this.#worker === null) return;
    this.#worker.send({ sandboxId, kind: 'close' });
    await once(this.#worker, 'message');
  }

  /** Kills the worker and starts another with the listeners that were kept. */
  async replaceWorker(): Promise<void> {
    await this.stopWorker();
    for (const [sandboxId, listeners] of this.opened) await this.open(sandboxId, listeners);
  }

  async stopWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (worker === null || !worker.kill('SIGKILL')) return;
    await once(worker, 'exit');
  }

  end(): void {
    this.#worker?.kill('SIGKILL');
  }
}

export interface Outcome {
  stdout: string;
  stderr: string;
  code: number;
}

/** Runs a command to its end, with `input` as all of its standard input. */
export async function run(
  sandbox: RunningSandbox,
  command: string,
  more: Partial<ExecRequest> & { input?: string } = {},
): Promise<Outcome> {
  const { input, ...request } = more;
  const session = await sandbox.exec({ command, env: {}, ...request });
  session.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(session.stdout), text(session.stderr)]);
  return { stdout, stderr, code: await session.exit };
}

/** Runs a Python program and gives what it printed. Throws where it failed. */
export async function python(sandbox: RunningSandbox, program: string): Promise<string> {
  const { stdout, stderr, code } = await run(sandbox, '/usr/bin/python3', { args: ['-c', program] });
  if (code !== 0) throw new Error(`python exited ${code}: ${stderr}`);
  return stdout.trim();
}

/** Calls `probe` until it gives true: within 10 seconds, or it throws. */
export async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`did not come about: ${what}`);
  }
}

export const isRoot = process.getuid?.() === 0;

/** A test that runs its whole file again over gVisor, which needs root: an ordinary user is told so (gvisor.test.ts). */
export function againInGvisor(file: string): void {
  if (inGvisor || !isRoot) return;
  it('all of it holds in gVisor', async () => {
    const child = spawn(process.execPath, [file], {
      env: { PATH: process.env['PATH'], STANDIN_TEST_DRIVER: 'gvisor' },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const output = await text(child.stdout);
    await ended;
    assert.equal(child.exitCode, 0, output);
  });
}

/** A test that runs its whole file again as an ordinary user, where it was run as root. */
export function againAsOrdinaryUser(file: string): void {
  if (inGvisor) return;
  const skip = isRoot ? whyNotAsUser(file) : 'this is an ordinary user';
  it('all of it holds for an ordinary user', { skip }, async () => {
    const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const child = spawn('setpriv', [...user, process.execPath, file], {
      env: { PATH: process.env['PATH'] },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const output = await text(child.stdout);
    await ended;
    assert.equal(child.exitCode, 0, output);
  });
}

function whyNotAsUser(file: string): string | false {
  for (let path = file; path !== '/'; path = dirname(path)) {
    if ((statSync(path).mode & 0o005) === 0) return 'an ordinary user cannot read this directory';
  }
  return false;
}
