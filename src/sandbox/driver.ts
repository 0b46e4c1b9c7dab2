import type { Duplex, Readable, Writable } from 'node:stream';

/** One interface over the ways to run a sandbox. A driver knows nothing of secrets: it is given an environment. */
export interface SandboxDriver {
  readonly name: 'external' | 'bubblewrap' | 'gvisor';
  /** False: somebody else runs the sandbox; `exec` and files are answered 409. */
  readonly runs: boolean;
  /** What is missing on this machine, and what to do about it. Empty: it can run. */
  preflight(): Promise<PreflightProblem[]>;
  create(spec: SandboxSpec): Promise<RunningSandbox>;
  /**
   * Once, before the first `create`: takes over what an earlier server with the same directory left, running or paused,
   * and opens its network again. What is not in `wanted` is ended, and so is what cannot be taken over.
   */
  adopt(wanted: ReadonlySet<string>): Promise<RunningSandbox[]>;
  /** Lets go: sandboxes go on, without a way out, until a server adopts them. */
  close(): Promise<void>;
}

/** Each is how some family of programs is told the file that its roots are in. */
export const caBundleVariables = [
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'AWS_CA_BUNDLE',
  'DENO_CERT',
  'CARGO_HTTP_CAINFO',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
] as const;

export interface PreflightProblem {
  what: string;
  fix: string;
  /** The program that is not installed, where that is it. */
  missing?: string;
}

export interface SandboxSpec {
  id: string;
  name: string;
  /** PEM: the system's roots and ours. Every tool inside trusts exactly these. */
  caBundlePem: string;
  /** PEM: our CA alone, for `NODE_EXTRA_CA_CERTS`. */
  caPem: string;
  mounts: Mount[];
  limits: SandboxLimits;
  /** The tree that it runs on; null: the host's own, read-only. */
  template: Template | null;
}

/** A root file system that the operator registered, unpacked. */
export interface Template {
  name: string;
  /** Absolute, on the server's machine; holds `usr`, `etc` and so on. Never written to. */
  root: string;
}

export interface Mount {
  /** Absolute, on the server's machine. */
  source: string;
  /** Absolute, inside. */
  target: string;
  readOnly: boolean;
}

export interface SandboxLimits {
  memoryMib: number;
  vcpuCount: number;
  pids: number;
  /** Size of each writable tmpfs, MiB. */
  diskMib: number;
}

/**
 * Takes the listening sockets that were opened inside a sandbox's network namespace. Whoever accepts on them knows by
 * that which sandbox is calling; `socket.localAddress` is the address that was dialled.
 */
export interface NamespaceNetwork {
  open(sandboxId: string, listeners: NamespaceListener[]): Promise<void>;
  /** `remember`: it will be opened again; what its resolver gave addresses to is kept, as programs inside keep it. */
  close(sandboxId: string, how?: { remember: boolean }): Promise<void>;
}

export interface NamespaceListener {
  /** `other`: connections to every port that has no listener of its own; `socket.localPort` is the one that was dialled. */
  kind: 'http' | 'https' | 'proxy' | 'dns-udp' | 'dns-tcp' | 'other';
  port: number;
  /**
   * A native handle, bound, neither listening nor receiving. `process.send(message, handle)` passes it on, as often as
   * a worker is replaced; whoever has it listens by `net.createServer().listen(handle)` or, for `dns-udp`,
   * `dgram.createSocket('udp6').bind(handle)` (which emits `listening` before it returns). The driver closes its copy.
   */
  handle: unknown;
}

export interface RunningSandbox {
  readonly id: string;
  /** Variables that the driver itself wants set in every process: HOME, PATH, CA trust. */
  readonly baseEnv: Record<string, string>;
  /** While it is true, all but `resume`, `destroy` and `health` reject with `unavailable`. */
  readonly paused: boolean;
  exec(request: ExecRequest): Promise<ExecSession>;
  readonly files: SandboxFiles;
  /**
   * A connection to a TCP port that something inside listens on, at its loopback address. Rejects with `unavailable`
   * where nothing does.
   */
  connect(port: number): Promise<Duplex>;
  health(): Promise<boolean>;
  /** No process of it runs when this resolves. Throws `unavailable` where the machine cannot. */
  pause(): Promise<void>;
  /** Processes go on where they were. */
  resume(): Promise<void>;
  destroy(): Promise<void>;
  /** Resolves when the sandbox ended by itself. */
  readonly ended: Promise<void>;
}

/**
 * Files as the sandbox's own user sees them: whatever is done is done inside, so that no link leads out. Paths are
 * absolute. Rejects with `not_found`, `bad_request` (a directory where a file is wanted, a name that cannot be, no
 * permission), `sandbox_storage_full`, or `unavailable` where the sandbox went away.
 */
export interface SandboxFiles {
  /** `size` is what the file had when it was opened; null where it has none (a device, /proc). */
  read(path: string): Promise<{ size: number | null; content: Readable }>;
  /** Parents are made; what was there is replaced when all of `content` has come, and kept where it has not. */
  write(path: string, content: Readable): Promise<{ size: number }>;
  /** Sorted by name, by code point. A link is what it leads to; one that leads nowhere is a file of no size. */
  list(path: string): Promise<DirectoryEntry[]>;
  /**
   * Everything below a directory, depth first, parents before their children. Links and what is neither a file nor a
   * directory are left out. The content of one entry is to be read before the next is asked for.
   */
  walk(path: string): AsyncIterable<TreeEntry>;
}

export interface DirectoryEntry {
  name: string;
  isDirectory: boolean;
  size: number;
  /** Seconds since the epoch, whole. */
  modified: number;
}

export interface TreeEntry {
  /** Relative to the directory that was asked for, `/` between its parts; no part is empty, `.` or `..`. */
  path: string;
  isDirectory: boolean;
  size: number;
  modified: number;
  /** The permission bits. */
  mode: number;
  /** Null for a directory. */
  content: Readable | null;
}

export interface ExecRequest {
  /** With `args`: a program. Without: a line for `/bin/sh -c`. */
  command: string;
  args?: string[];
  env: Record<string, string>;
  workingDir?: string;
  /** A terminal of this size; stdout and stderr are then one stream. */
  tty?: { columns: number; rows: number };
}

export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Empty with a terminal. */
  readonly stderr: Readable;
  /** 128 + signal number where a signal ended it, as a shell says. Rejects where the sandbox went away. */
  readonly exit: Promise<number>;
  /** To the whole process group, `SIGINT` and the like. */
  signal(name: NodeJS.Signals): void;
  resize(size: { columns: number; rows: number }): void;
}
