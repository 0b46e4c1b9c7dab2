import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { StandinError } from '../../errors.ts';
import { otherPortRules } from '../host/other-ports.ts';
import { launcherCalls, thisMachine } from '../host/system-calls.ts';
import { collectText, toolEnvironment } from '../host/tools.ts';
import { keeperScript } from './keeper-script.ts';
import type { Plan } from './plan.ts';
import { findRunsc, runscOptions } from './runsc.ts';

const readyTimeoutMs = 10_000;
const commandTimeoutMs = 120_000;

/** Of the keeper, in the sandbox's folder. */
export const keeperSocketName = 'keeper.sock';

export interface KeeperOptions {
  /** The sandbox's folder. */
  directory: string;
  ipv6: boolean;
  /** What process 1 of the sandbox is given on standard input: a line. */
  given: string;
  plan: Plan;
}

/** A keeper that waits at its gate, and then in the sandbox's namespaces. */
export class Keeper {
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #errors: () => string;
  readonly #options: KeeperOptions;

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { plan, directory, ipv6, given } = options;
    const links = plan.links.flatMap(({ path, target }) => [path, target]);
    // The state of runsc is in the sandbox's folder.
    const runsc = [findRunsc() ?? 'runsc', '--root=state', ...runscOptions, '--network=sandbox'];
    this.#child = spawn(
      'perl',
      [
        '-e',
        keeperScript,
        ipv6 ? '1' : '',
        otherPortRules().toString('hex'),
        launcherCalls[thisMachine()].join(','),
        keeperSocketName,
        given,
        String(runsc.length),
        ...runsc,
        String(plan.links.length),
        ...links,
        String(plan.directories.length),
        ...plan.directories,
        ...plan.staged.flatMap(({ source, owner, place, readOnly }) => [
          source,
          String(owner?.uid ?? ''),
          String(owner?.gid ?? ''),
          place,
          readOnly ? '1' : '',
        ]),
      ],
      // A session of its own: what ends the server from its terminal does not end sandboxes.
      { cwd: directory, env: toolEnvironment, stdio: ['pipe', 'pipe', 'pipe'], detached: true },
    );
    this.pid = this.#child.pid ?? 0;
    this.#errors = collectText(this.#child.stderr);
    this.#child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  /** Opens the gate; resolves when its namespaces are made. Writes what runsc is to run. */
  async enter(): Promise<void> {
    const { stdin, stdout } = this.#child;
    if (stdout === null) throw this.failure();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), readyTimeoutMs);
    const ready = new Promise<string | null>((resolve) => {
      createInterface({ input: stdout }).on('line', (line) => resolve(/^ready (\d+)$/.exec(line)?.[1] ?? null));
      this.#child.once('close', () => resolve(null));
      this.#child.once('error', () => resolve(null));
    });
    stdin?.end('\n');
    const holder = await ready;
    clearTimeout(late);
    if (holder === null) throw this.failure();
    writeFileSync(
      join(this.#options.directory, 'config.json'),
      JSON.stringify(withNetwork(this.#options.plan.oci, holder)),
      {
        mode: 0o600,
      },
    );
  }

  /** The error for a sandbox that did not come up. */
  failure(reason = this.#errors()): StandinError {
    const idmap = /^idmap (.*): /m.exec(reason);
    if (idmap !== null) {
      return new StandinError(
        'bad_request',
        `mounts: the file system of ${idmap[1]} cannot map owners, so it cannot be lent to a sandbox: ` +
          'put it on ext4, xfs, btrfs or tmpfs',
        { field: 'mounts' },
      );
    }
    return new StandinError('unavailable', 'the sandbox could not be started: `standin doctor` says what is missing', {
      cause: new Error(reason === '' ? 'it ended without a word' : reason),
    });
  }

  /** It goes on without this process, and does not keep it alive. */
  letGo(): void {
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream?.destroy();
  }
}

/** The namespace that a process of the keeper's holds, beside those that runsc makes. */
function withNetwork(oci: object, holder: string): object {
  const made = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  return { ...oci, linux: { namespaces: [...made, { type: 'network', path: `/proc/${holder}/ns/net` }] } };
}

/** Of `save`: `later` it will be written, or `kept`, it stays in memory. */
export type KeeperAnswer = 'ok' | 'later' | 'kept';
export type KeeperCommand = 'run' | 'restore' | 'pause' | 'resume' | 'save';

/** Tells a keeper, behind the socket at `path`, what to do. Rejects with what runsc said, or where it is gone. */
export function tellKeeper(path: string, command: KeeperCommand): Promise<KeeperAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let answer = '';
    const fail = (reason: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`${command}: ${reason}`));
    };
    const timer = setTimeout(() => fail('no answer'), commandTimeoutMs);
    socket.on('error', () => fail('it is gone'));
    socket.on('close', () => fail('it ended'));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (!answer.endsWith('\n')) return;
      clearTimeout(timer);
      const said = answer.trim();
      if (said === 'ok' || said === 'later' || said === 'kept') {
        resolve(said);
        socket.destroy();
      } else fail(said.replace(/^failed /, ''));
    });
    socket.write(`${command}\n`);
  });
}
