import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { StandinError } from '../../errors.ts';
import { scratchPlaces } from './arguments.ts';
import type { Staged } from './arguments.ts';
import type { NamespaceListener } from '../driver.ts';
import { launcherScript } from './launcher-script.ts';
import { otherPortRules } from '../host/other-ports.ts';
import { endProcesses } from '../host/life.ts';
import { socketsToBind } from '../host/listen-in-namespace.ts';
import { SocketCollector } from '../host/namespace-listeners.ts';
import { identify } from '../host/process-identity.ts';
import { launcherCalls, thisMachine } from '../host/system-calls.ts';
import { collectText, findTool, toolEnvironment } from '../host/tools.ts';

const readyTimeoutMs = 10_000;

export interface LaunchOptions {
  /** The host's uid that the sandbox runs as; null: that of the server, which is not root. */
  uid: number | null;
  /** Where the agent's socket is made: a directory, and a name in it. */
  directory: string;
  socketName: string;
  seccomp: string;
  ipv6: boolean;
  staged: Staged[];
  /** Of its writable file system. */
  scratchMib: number;
  /** Process 1 of the sandbox. */
  command: string[];
}

/** A launcher waiting at its gate, then bwrap, under one process id. */
export class Launcher {
  readonly pid: number;
  /** Resolves when it, and with it every process of the sandbox, has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #errors: () => string;
  readonly #sockets = new SocketCollector();

  private constructor(child: ChildProcess, errors: () => string) {
    this.#child = child;
    this.#errors = errors;
    this.pid = child.pid ?? 0;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  /** Resolves when the sandbox's namespaces, network and parts are there and the launcher waits at the gate. */
  static async start(options: LaunchOptions): Promise<Launcher> {
    const staged = options.staged.flatMap(({ source, owner }) => [
      source,
      owner === undefined ? '' : String(owner.uid),
      owner === undefined ? '' : String(owner.gid),
    ]);
    const child = spawn(
      'perl',
      [
        '-e',
        launcherScript,
        String(options.uid ?? 0),
        options.socketName,
        options.ipv6 ? '1' : '',
        otherPortRules().toString('hex'),
        socketsToBind({ withAgent: false }),
        launcherCalls[thisMachine()].join(','),
        options.seccomp,
        findTool('bwrap') ?? 'bwrap',
        String(options.scratchMib),
        scratchPlaces.map(({ name, mode }) => `${name}:${mode.toString(8)}`).join(','),
        String(options.command.length),
        ...options.command,
        ...staged,
      ],
      // A session of its own: what ends the server from its terminal does not end sandboxes.
      { cwd: options.directory, env: toolEnvironment, stdio: ['pipe', 'ipc', 'pipe'], detached: true },
    );
    const launcher = new Launcher(child, collectText(child.stderr));
    await launcher.#waitUntilReady();
    return launcher;
  }

  /** The sockets that the sandbox's traffic arrives at: native handles, neither listening nor receiving, for the caller to close. */
  get listeners(): NamespaceListener[] {
    return this.#sockets.opened.listeners;
  }

  /** Opens the gate: the launcher becomes bwrap with these arguments. */
  release(bubblewrapArguments: string[]): void {
    this.#child.stdin?.end(`\n${bubblewrapArguments.join('\0')}\0`);
  }

  /** The error for a sandbox that did not come up. */
  failure(): StandinError {
    const reason = this.#errors();
    const idmap = /^idmap (.*): /m.exec(reason);
    if (idmap !== null) {
      return new StandinError(
        'bad_request',
        `mounts: the file system of ${idmap[1]} cannot map owners, so a server run as root cannot lend it to a sandbox: ` +
          'run the server as the owner of that directory, or put it on ext4, xfs, btrfs or tmpfs',
        { field: 'mounts' },
      );
    }
    return new StandinError('unavailable', 'the sandbox could not be started: `standin doctor` says what is missing', {
      cause: new Error(reason === '' ? 'it ended without a word' : reason),
    });
  }

  /** Ends every process of the sandbox. */
  async kill(): Promise<void> {
    const launcher = this.#child.exitCode === null && this.#child.signalCode === null ? identify(this.pid) : null;
    if (launcher !== null) await endProcesses({ launcher, first: null });
    await this.ended;
  }

  /** It goes on without this process, and does not keep it alive. */
  letGo(): void {
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stderr]) stream?.destroy();
  }

  async #waitUntilReady(): Promise<void> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), readyTimeoutMs);
    this.#child.stdin?.on('error', () => undefined);
    const came = await new Promise<boolean>((resolve) => {
      this.#child.on('message', (message: object, handle) => {
        if ('ready' in message) resolve(true);
        else this.#sockets.take(message, handle);
      });
      this.#child.once('close', () => resolve(false));
      this.#child.once('error', () => resolve(false));
    });
    clearTimeout(late);
    if (came) return;
    this.#sockets.close();
    throw this.failure();
  }
}
