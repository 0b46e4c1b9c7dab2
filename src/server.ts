import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls';
import { createApi } from './api/create-api.ts';
import type { ConfigEntry } from './api/handlers/system.ts';
import { statusOf } from './api/problems.ts';
import type { Config } from './config-settings.ts';
import type { ListenAddress } from './config-values.ts';
import { createOpenApi } from './contract/openapi.ts';

import { createEnvelope } from './crypto/envelope.ts';
import { openLocalKeyProvider, requireKey } from './crypto/providers/local.ts';
import { codeCacheOf, writeCliFile } from './data-dir.ts';
import { judgeProbe, sendProbe } from './egress/probe.ts';
import { EgressSupervisor } from './egress/supervisor.ts';
import { Authority } from './egress/tls/authority.ts';
import { StartupError } from './errors.ts';
import { loadTokenKey, rememberOnce } from './first-start.ts';
import type { Logger } from './log.ts';
import { makeAddressGuard } from './net/address.ts';
import { createBubblewrapDriver } from './sandbox/bubblewrap/driver.ts';
import { createGvisorDriver } from './sandbox/gvisor/driver.ts';
import type { SandboxDriver } from './sandbox/driver.ts';
import { createExternalDriver } from './sandbox/external.ts';
import { openTemplates } from './sandbox/templates/registry.ts';
import { openStore } from './store/open.ts';
import { createRuns } from './vault/runs.ts';
import { DueTimer, RollUpTimer } from './timer.ts';
import { createVault } from './vault/vault.ts';
import { WebhookDispatcher } from './webhooks/dispatcher.ts';

/** MiB of a sandbox's memory that are not for what it writes, so that a full disk is no end of its agent. */
const agentRoomMib = 128;
/** How long a worker may hold a decrypted value before it asks again. */
const valueTtlMs = 300_000;

/** A server that is up. */
export interface RunningServer {
  url: string;
  proxyUrl: string;
  /** The key of the team `default`, where this start made it. */
  madeApiKey: string | null;
  driver: string;
  /** Why sandboxes cannot run here, one line each; empty: they can. */
  problems: string[];
  /** Finishes what is in flight, writes what is to be written, ends every child. */
  stop(): Promise<void>;
}

/**
 * The composition root: configuration in, running objects out, in the order in which each needs the one before.
 * Whatever keeps it from starting is a StartupError; what had been started by then is stopped again.
 */
export async function startServer(
  config: Readonly<Config>,
  options: { version: string; log: Logger; settings?: () => readonly ConfigEntry[] },
): Promise<RunningServer> {
  const { log, version } = options;
  const undo: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    if (config.sandboxDisk + agentRoomMib > config.sandboxMemory) {
      throw new StartupError(
        `STANDIN_SANDBOX_DISK: what a sandbox writes counts as its memory: must be ${agentRoomMib} MiB less than STANDIN_SANDBOX_MEMORY (${config.sandboxMemory}) at least`,
      );
    }
    const store = await openStore(config.databaseUrl, { logger: log });
    undo.push(() => store.close());

    const known = await store.settings.get('key-id');
    const keys = await openLocalKeyProvider({ path: join(config.dataDir, 'key'), mayCreate: known === null });
    requireKey(keys, await rememberOnce(store, 'key-id', keys.keyId));
    const envelope = createEnvelope(keys);
    const tokenKey = await loadTokenKey(store, envelope);

    const hadAuthority = (await store.settings.get('ca')) !== null;
    const authority = await Authority.open(config.dataDir, { mayCreate: !hadAuthority });
    if ((await rememberOnce(store, 'ca', authority.fingerprint)) !== authority.fingerprint) {
      throw new StartupError(
        `the CA in ${config.dataDir} is not the one that this database's sandboxes trust: put back ca.pem and ca-key.pem that belong to it`,
      );
    }

    if (config.egressCleartextHosts.length > 0) {
      log.warn(
        { hosts: config.egressCleartextHosts },
        'STANDIN_EGRESS_CLEARTEXT_HOSTS: to these hosts real values may go without TLS; whoever is on the way can read them',
      );
    }
    const extraRoots = config.egressCaFile === null ? null : readRoots(config.egressCaFile);
    const egress = new EgressSupervisor({
      settings: {
        proxyListen: config.proxyListen,
        connectTo: config.egressConnectTo,
        extraRoots,
        allowPrivate: config.egressAllowPrivate,
        cleartextHosts: config.egressCleartextHosts,
        firstByteTimeoutMs: config.egressFirstByteTimeout * 1000,
        valueTtlMs,
        scrub: config.egressScrub,
        limits: {
          connections: config.egressMaxConnections,
          requestsPerSecond: config.egressMaxRequests,
          bytesPerSecond: config.egressMaxBytes,
          headBytes: config.egressMaxHeadBytes,
        },
        logLevel: config.logLevel,
      },
      plane: {
        snapshot: (id) => vault.egress.snapshot(id),
        openSecret: (ask) => vault.egress.openSecret(ask),
        record: async (batches) => {
          await vault.egress.record(batches);
          figures.wake();
        },
        recordGap: (gap) => vault.egress.recordGap(gap),
      },
      authority,
      log: log.child({ room: 'egress' }),
      codeCache: codeCacheOf(config.dataDir),
      names: join(config.dataDir, 'names'),
      settled: (at) => runs.settled(at),
    });
    const server = `${hostname()}:${config.dataDir}`;
    const runs = createRuns({ store, logger: log.child({ room: 'audit' }), now: () => new Date() }, { server });
    await runs.begin();
    let settled: () => Promise<void> = () => Promise.resolve();
    undo.push(async () => {
      const everything = await egress.stop();
      await settled();
      if (everything) await runs.end();
    });
    const proxyPort = await egress.start(config.egressWorkers);
    const proxyUrl = `http://${urlHost(config.proxyListen.host)}:${proxyPort}`;

    const local = { privateDirectories: [config.dataDir], programDirectories: [packagePath('')], network: egress };
    const bubblewrap = createBubblewrapDriver({ ...local, directory: join(config.dataDir, 'sandboxes') });
    const gvisor = createGvisorDriver({ ...local, directory: join(config.dataDir, 'gvisor') });
    const drivers = new Map<string, SandboxDriver>(
      [createExternalDriver(), bubblewrap, gvisor].map((each) => [each.name, each]),
    );
    undo.push(async () => {
      for (const driver of drivers.values()) await driver.close();
    });
    const templates = await openTemplates(config.templates, {
      directory: join(config.dataDir, 'templates'),
      note: (line) => log.info(line),
    });
    const chosen = config.sandboxDriver === 'gvisor' ? gvisor : bubblewrap;
    const problems = (await chosen.preflight()).map(({ what, fix }) => `${what}: ${fix}`);
    if (config.sandboxDriver === chosen.name && problems.length > 0) {
      throw new StartupError(`${chosen.name} sandboxes cannot run here: ${problems.join('; ')}`);
    }
    if (problems.length === 0) log.debug({ limits: await chosen.prepare() }, 'enforced for a sandbox as a whole');
    const defaultDriver =
      config.sandboxDriver !== 'auto' ? config.sandboxDriver : problems.length === 0 ? 'bubblewrap' : 'external';

    // Every process on the database hears of a change; this one's workers have forgotten before it is answered.
    let forgotten: Promise<unknown> = Promise.resolve();
    let reconcile: (ids: string[] | null) => Promise<void> = () => Promise.resolve();
    const unsubscribe = store.changes.subscribe((ids) => {
      forgotten = Promise.all([forgotten, egress.forget(ids)]);
      // What another server deleted.
      void reconcile(ids);
    });
    undo.push(async () => unsubscribe());
    const dispatcher = new WebhookDispatcher({
      store: store.webhooks,
      envelope,
      guard: makeAddressGuard(config.egressAllowPrivate),
      secureContext: createSecureContext({ ca: trustedRoots(extraRoots) }),
      logger: log.child({ room: 'webhooks' }),
      now: () => new Date(),
    });
    undo.push(() => dispatcher.stop());
    const vault = createVault({
      store,
      envelope,
      tokenKey,
      drivers,
      defaultDriver,
      network: { proxyUrl, caPem: authority.pem, caBundlePem: `${systemRoots()}\n${authority.pem}` },
      server,
      limits: {
        memoryMib: config.sandboxMemory,
        vcpuCount: config.sandboxVcpus,
        pids: config.sandboxPids,
        diskMib: config.sandboxDisk,
      },
      maxSandboxes: config.maxSandboxes,
      templates,
      probe: {
        judge: (snapshot, request) => judgeProbe(snapshot, request, new Set(config.egressCleartextHosts)),
        send: (call) =>
          sendProbe(call, { host: reachable(config.proxyListen.host), port: proxyPort, caPem: authority.pem }),
        forget: (id) => egress.forget([id]),
      },
      changed: async (ids) => {
        await store.changes.publish(ids);
        await forgotten;
      },
      scheduled: () => lifetimes.wake(),
      queued: () => dispatcher.wake(),
      logger: log.child({ room: 'vault' }),
      now: () => new Date(),
    });
    const figures = new RollUpTimer({ step: () => vault.rollUp(), logger: log.child({ room: 'audit' }) });
    undo.push(() => figures.stop());
    settled = () => vault.egress.settle();
    const lifetimes = new DueTimer({
      work: () => vault.lifetimes.sweep(),
      next: () => vault.lifetimes.next(),
      now: () => new Date(),
      logger: log.child({ room: 'vault' }),
    });
    undo.push(() => lifetimes.stop());
    await vault.recover();
    egress.keepNamesOf(new Set((await store.sandboxes.byServer(server)).map(({ id }) => id)));
    reconcile = (ids) =>
      vault.lifetimes
        .reconcile(ids)
        .catch((err: unknown) => log.error({ err }, 'sandboxes that were deleted elsewhere could not be ended'));
    figures.wake();
    lifetimes.wake();
    dispatcher.wake();

    const api = createApi({
      vault,
      version,
      openapi: { ...createOpenApi({ version, statusOf }) },
      logger: log.child({ room: 'api' }),
      dataplaneDomain: config.dataplaneDomain,
      hosts: [config.apiListen.host],
      health: () => store.ping(),
      ...(options.settings === undefined ? {} : { settings: options.settings }),
      sites: {
        ...(config.console ? { console: packagePath('console/dist') } : {}),
        docs: packagePath('dist/docs-site'),
      },
    });
    undo.push(() => api.close());
    const configuredUrl = `http://${urlHost(config.apiListen.host)}:${config.apiListen.port}`;
    const made = await vault.bootstrap(config.bootstrapApiKey, (apiKey) =>
      writeCliFile(config.dataDir, { url: configuredUrl, apiKey }),
    );
    const apiPort = await listen(config.apiListen, 'STANDIN_API_LISTEN', () => api.listen(config.apiListen));
    const url = `http://${urlHost(config.apiListen.host)}:${apiPort}`;
    if (config.dataplaneListen !== null) {
      const dataplane = createDataplane(api, { authority, domain: config.dataplaneDomain });
      const address = config.dataplaneListen;
      undo.push(() => closeServer(dataplane));
      await listen(address, 'STANDIN_DATAPLANE_LISTEN', () => listenOn(dataplane, address));
    }
    const madeApiKey = made !== null && config.bootstrapApiKey === null ? made.apiKey : null;
    writeCliFile(config.dataDir, { url, apiKey: madeApiKey });
    return { url, proxyUrl, madeApiKey, driver: defaultDriver, problems, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The data plane's own listener: the API's routes over TLS, with a certificate of our CA for the name asked for. */
function createDataplane(
  api: ReturnType<typeof createApi>,
  options: { authority: Authority; domain: string },
): TlsServer {
  const server = createTlsServer({
    keepAliveTimeout: 75_000,
    requestTimeout: 0,
    SNICallback: (name, done) => {
      if (name !== options.domain && !name.endsWith(`.${options.domain}`)) {
        done(new Error('not a name of the data plane'));
        return;
      }
      options.authority.leaf(name).then(
        ({ cert, key }) => done(null, createSecureContext({ cert, key })),
        (error: unknown) => done(error instanceof Error ? error : new Error('no certificate')),
      );
    },
  });
  server.on('request', api.listener);
  api.upgrades.listen(server, api);
  return server;
}

async function listen(address: ListenAddress, setting: string, start: () => Promise<unknown>): Promise<number> {
  const place = `${urlHost(address.host)}:${address.port}`;
  try {
    const url = await start();
    return typeof url === 'string' ? Number(new URL(url).port) : address.port;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason: Record<string, string> = {
      EADDRINUSE: `the port is taken. Stop what listens there, or set ${setting} to another`,
      EACCES: `not permitted. Choose a port above 1023 with ${setting}`,
      EADDRNOTAVAIL: `this machine has no such address. Set ${setting} to one that it has`,
    };
    throw new StartupError(`cannot listen on ${place}: ${reason[code] ?? `${code || 'unknown'}; check ${setting}`}`, {
      cause: error,
    });
  }
}

function listenOn(server: TlsServer, address: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(address.port, address.host, () => resolve());
  return promise;
}

function closeServer(server: TlsServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
}

function readRoots(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    createSecureContext({ ca: pem });
    if (!pem.includes('BEGIN CERTIFICATE')) throw new Error('it holds no certificate');
    return pem;
  } catch (error) {
    throw new StartupError(
      `STANDIN_EGRESS_CA_FILE: ${path} cannot be used (${error instanceof Error ? error.message : 'unknown'}); name a file of PEM certificates`,
      { cause: error },
    );
  }
}

function trustedRoots(extra: string | null): string {
  return extra === null ? systemRoots() : `${systemRoots()}\n${extra}`;
}

function systemRoots(): string {
  const system = getCACertificates('system');
  return (system.length > 0 ? system : rootCertificates).map((pem) => pem.trim()).join('\n');
}

/** A directory of the package, whether it runs from `src` or from `dist`. */
function packagePath(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** Where a listener is reached from this machine. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
