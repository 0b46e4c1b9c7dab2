import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { StandinError } from '../../errors.ts';
import type { NamespaceListener } from '../driver.ts';
import { isBoundSocket, perlSockets, socketsToBind } from './listen-in-namespace.ts';
import { perlSystemCalls } from './perl-parts.ts';
import { launcherCalls, thisMachine } from './system-calls.ts';
import { collectText, toolEnvironment } from './tools.ts';

const timeoutMs = 10_000;

/**
 * Opens the sockets of namespaces that are there: a line on standard input for each, with the number of the request, a process of
 * the namespace, `1` where that has IPv6, `1` where the namespace belongs to a user namespace, which is entered with it, and
 * the sockets. A process of its own does each, since whoever is in one user namespace enters no other. Argument: system
 * call numbers.
 */
const openerScript = String.raw`
use strict; use warnings;
my ($numbers) = @ARGV;
${perlSystemCalls}${perlSockets}
sub enter {
  my ($pid, @names) = @_;
  my @opened = map { open(my $f, '<', "/proc/$pid/ns/$_") or die "namespace $_: $!\n"; $f } @names;
  for (@opened) { call('setns', $SETNS, fileno($_), 0) }
}
while (my $line = <STDIN>) {
  my ($request, $pid, $ipv6, $user, $sockets) = split(/ /, $line);
  chomp($sockets);
  my $child = fork;
  if (defined $child && !$child) {
    eval { enter($pid, $user ? ('user', 'net') : ('net')); sendSockets($request, $ipv6, $sockets); 1 } and exit;
    print STDERR $@;
    exit 1;
  }
  waitpid($child, 0) if defined $child;
  message(qq({"request":$request,"done":) . (defined $child && $? == 0 ? 'true' : 'false') . '}');
}
`;

export interface NamespaceSockets {
  listeners: NamespaceListener[];
  /** The handle of the socket that the agent calls, or null. */
  agent: unknown;
}

export interface OpenOptions {
  ipv6: boolean;
  /** The namespace was made by an ordinary user, and is entered with its user namespace. */
  ownUserNamespace: boolean;
  /** A socket that the sandbox's agent calls is bound too. */
  withAgent?: boolean;
}

/**
 * Binds the sockets of a sandbox in the network namespace of the process `pid`. The handles are native: they do not accept here,
 * can be sent to another process by `process.send(message, handle)`, and again to the one that replaces it; the caller closes
 * them. All that is asked for meanwhile is done by one process, which ends when nobody asks any more.
 */
export async function openNamespaceListeners(pid: number, options: OpenOptions): Promise<NamespaceSockets> {
  const mine = (opener ??= new Opener());
  try {
    return await mine.open(pid, options);
  } catch (error) {
    throw new StandinError('unavailable', "the sandbox's network could not be opened", { cause: error });
  } finally {
    if (mine.isIdle) {
      mine.end();
      if (opener === mine) opener = null;
    }
  }
}

let opener: Opener | null = null;

/** The process that opens them, and what was asked of it. */
class Opener {
  readonly #process: ChildProcess;
  readonly #errors: () => string;
  readonly #asked = new Map<number, { sockets: SocketCollector; done(whole: boolean): void }>();
  #next = 1;
  #over = false;

  constructor() {
    this.#process = spawn('perl', ['-e', openerScript, launcherCalls[thisMachine()].join(',')], {
      env: toolEnvironment,
      stdio: ['pipe', 'ipc', 'pipe'],
    });
    this.#errors = collectText(this.#process.stderr);
    this.#process.stdin?.on('error', () => undefined);
    this.#process.on('message', (message: object, handle) => this.#take(message, handle));
    const end = () => {
      this.#over = true;
      for (const asked of this.#asked.values()) asked.done(false);
    };
    // Each of them: an error that nobody listens to ends the server.
    this.#process.on('error', end).once('disconnect', end);
  }

  get isIdle(): boolean {
    return this.#asked.size === 0;
  }

  end(): void {
    this.#process.stdin?.end();
  }

  async open(pid: number, { ipv6, ownUserNamespace, withAgent = false }: OpenOptions): Promise<NamespaceSockets> {
    const request = this.#next++;
    const sockets = new SocketCollector();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#asked.set(request, { sockets, done: resolve });
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), timeoutMs);
    try {
      const words = [request, pid, ipv6 ? '1' : '', ownUserNamespace ? '1' : '', socketsToBind({ withAgent })];
      this.#process.stdin?.write(`${words.join(' ')}\n`);
      if (!this.#over && (await promise)) return sockets.opened;
      sockets.close();
      throw new Error(`they were not bound: ${this.#errors()}`);
    } finally {
      clearTimeout(timer);
      this.#asked.delete(request);
    }
  }

  #take(message: object, handle: unknown): void {
    const asked = 'request' in message ? this.#asked.get(Number(message.request)) : undefined;
    if (asked === undefined) closeHandle(handle);
    else if ('done' in message) asked.done(message.done === true);
    else asked.sockets.take(message, handle);
  }
}

/** Gathers what `sendSockets` sends. */
export class SocketCollector {
  readonly opened: NamespaceSockets = { listeners: [], agent: null };

  take(message: object, handle: unknown): void {
    if (!isBoundSocket(message)) closeHandle(handle);
    else if (message.kind === 'agent') this.opened.agent = handle;
    else this.opened.listeners.push({ kind: message.kind, port: message.port, handle });
  }

  close(): void {
    closeListeners(this.opened.listeners);
    closeHandle(this.opened.agent);
  }
}

/** Lets go of the handles; ones already closed are left as they are. */
export function closeListeners(listeners: NamespaceListener[]): void {
  for (const { handle } of listeners) closeHandle(handle);
}

function closeHandle(handle: unknown): void {
  if (isClosable(handle)) handle.close();
}

function isClosable(handle: unknown): handle is { close(): void } {
  return typeof handle === 'object' && handle !== null && 'close' in handle;
}
