import type { Readable, Writable } from 'node:stream';

/** One interface over the ways to run a sandbox. A driver knows nothing of secrets: it is given an environment. */
export interface SandboxDriver {
  readonly name: 'external' | 'bubblewrap' | 'gvisor';
  /** False: somebody else runs the sandbox; `exec` and files are answered 409. */
  readonly runs: boolean;
  /** What is missing on this machine, and what to do about it. Empty: it can run. */
  preflight(): Promise<PreflightProblem[]>;
  create(spec: SandboxSpec): Promise<RunningSandbox>;
  /** Ends everything that this driver started. */
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
  close(sandboxId: string): Promise<void>;
}

export interface NamespaceListener {
  kind: 'http' | 'https' | 'proxy' | 'dns-udp' | 'dns-tcp';
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
  exec(request: ExecRequest): Promise<ExecSession>;
  health(): Promise<boolean>;
  /** Milliseconds it took are for the caller to measure. Throws `unavailable` where the machine cannot. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  destroy(): Promise<void>;
  /** Resolves when the sandbox ended by itself. */
  readonly ended: Promise<void>;
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
