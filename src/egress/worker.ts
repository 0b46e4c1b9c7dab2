import cluster from 'node:cluster';
import { flushCompileCache } from 'node:module';
import type { Server } from 'node:net';
import { createLogger, logLevels } from '../log.ts';
import { makeAddressGuard } from '../net/address.ts';
import { ConnectionTable, FailureThrottle } from './context.ts';
import type { EgressContext } from './context.ts';
import { ControlLink } from './control-link.ts';
import type { FromWorker, ToWorker } from './ipc.ts';
import { NamespaceListeners } from './listeners/namespace.ts';
import { createProxyListener } from './listeners/proxy.ts';
import type { EgressSettings } from './ports.ts';
import { SandboxRegistry } from './registry.ts';
import { LeafContexts, upstreamContext } from './tls/contexts.ts';
import { Turns } from './turns.ts';
import { UpstreamPool } from './upstream.ts';

const sweepIntervalMs = 1_000;
const drainLimitMs = 20_000;

/**
 * One egress worker: the process that `EgressSupervisor` starts. It has no database, no key and no configuration but
 * what the first message brings; it ends itself when the main process is gone.
 */
class EgressWorker {
  readonly #control: ControlLink;
  readonly #context: EgressContext;
  readonly #namespaces: NamespaceListeners;
  readonly #proxy: Server;
  readonly #sweep: NodeJS.Timeout;
  #stopping = false;

  constructor(settings: EgressSettings) {
    this.#control = new ControlLink(post);
    const connections = new ConnectionTable();
    const turns = new Turns(() => connections.now, settings.limits);
    this.#context = {
      control: this.#control,
      registry: new SandboxRegistry(this.#control, settings),
      contexts: new LeafContexts(this.#control),
      pool: new UpstreamPool({
        secureContext: upstreamContext(settings.extraRoots),
        connectTo: settings.connectTo,
        turns,
      }),
      guard: makeAddressGuard(settings.allowPrivate),
      failures: new FailureThrottle(),
      connections,
      turns,
      firstByteTimeoutMs: settings.firstByteTimeoutMs,
      log: createLogger({ level: logLevels.find((each) => each === settings.logLevel) ?? 'info', name: 'egress' }),
    };
    this.#namespaces = new NamespaceListeners(this.#context, (named) => post({ type: 'named', ...named }));
    this.#proxy = createProxyListener(this.#context);
    this.#sweep = setInterval(() => this.#tick(), sweepIntervalMs);
    this.#proxy.on('error', (error: NodeJS.ErrnoException) => {
      post({ type: 'failed', message: describeListenFailure(settings.proxyListen, error) });
    });
    this.#proxy.listen({ host: settings.proxyListen.host, port: settings.proxyListen.port, backlog: 4096 }, () => {
      const address = this.#proxy.address();
      post({ type: 'listening', port: typeof address === 'object' && address !== null ? address.port : 0 });
      // For its successor, should it be killed.
      setImmediate(flushCompileCache);
    });
  }

  receive(message: ToWorker, handle: unknown): void {
    switch (message.type) {
      case 'start':
        break;
      case 'answer':
        this.#control.receive(message);
        break;
      case 'forget':
        this.#context.registry.forget(message.sandboxIds);
        this.#context.connections.reconsider(message.sandboxIds);
        post({ type: 'forgotten', id: message.id });
        break;
      case 'listen':
        if (typeof handle !== 'object' || handle === null) break;
        this.#namespaces.listen(message.sandboxId, { kind: message.kind, port: message.port, handle });
        break;
      case 'names':
        this.#namespaces.know(message.sandboxId, message.given);
        break;
      case 'unlisten':
        this.#namespaces.close(message.sandboxId);
        this.#context.connections.closeSandbox(message.sandboxId);
        this.#context.pool.dropSandbox(message.sandboxId);
        break;
      case 'drain':
        void this.stop();
        break;
    }
  }

  #tick(): void {
    const now = Date.now();
    this.#context.connections.sweep(now);
    this.#context.pool.sweep(now);
    this.#context.registry.sweep();
    this.#context.turns.sweep();
    this.#control.tellLost();
    post({ type: 'settled', at: this.#control.settledAt(now) });
  }

  /** Finishes what is in flight, hands over every event, ends the process. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#proxy.close();
    this.#namespaces.closeAll();
    await this.#context.connections.drain(drainLimitMs);
    await this.#control.settle();
    this.#control.tellLost();
    this.#context.registry.forget(null);
    clearInterval(this.#sweep);
    process.exit(0);
  }

  /** Without the main process nothing can be asked or recorded: no new request passes, those in flight may end. */
  lose(): void {
    this.#control.lose();
    void this.stop();
  }
}

function post(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

function describeListenFailure(listen: { host: string; port: number }, error: NodeJS.ErrnoException): string {
  const place = `${listen.host}:${listen.port}`;
  if (error.code === 'EADDRINUSE') {
    return `the egress proxy cannot listen on ${place}: the port is taken. Stop what listens there, or set STANDIN_PROXY_LISTEN to another`;
  }
  if (error.code === 'EACCES') {
    return `the egress proxy cannot listen on ${place}: not permitted. Choose a port above 1023 with STANDIN_PROXY_LISTEN`;
  }
  return `the egress proxy cannot listen on ${place} (${error.code ?? 'unknown'}): check STANDIN_PROXY_LISTEN`;
}

/** The process's one entry: everything follows from the messages of the main process. */
function run(): void {
  if (cluster.worker === undefined) throw new Error('this is an egress worker: it is started by the server');
  // Otherwise Node ends this process at once when the main process is gone, in the middle of its answers.
  cluster.worker.exitedAfterDisconnect = true;
  let worker: EgressWorker | null = null;
  // A terminal sends its signals to the whole group; the main process decides when a worker ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => (worker === null ? process.exit(0) : worker.lose()));
  process.on('message', (message: ToWorker, handle: unknown) => {
    if (message.type === 'start') worker = new EgressWorker(message.settings);
    else worker?.receive(message, handle);
  });
}

run();
