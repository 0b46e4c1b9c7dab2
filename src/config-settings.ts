import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import {
  bootstrapKey,
  cidr,
  connectTo,
  databaseUrl,
  hostname,
  list,
  listenAddress,
  nonEmpty,
  oneOf,
  templates,
  wholeNumber,
} from './config-values.ts';
import type { ConnectTo, ListenAddress, RegisteredTemplate } from './config-values.ts';
import { logLevels } from './log.ts';
import type { LogLevel } from './log.ts';

/** What the server is told, judged and frozen. */
export interface Config {
  dataDir: string;
  apiListen: ListenAddress;
  proxyListen: ListenAddress;
  dataplaneListen: ListenAddress | null;
  dataplaneDomain: string;
  /** Whether the console is served at `/`. */
  console: boolean;
  /** `sqlite:<path>` or `postgres://...`. */
  databaseUrl: string;
  keyProvider: 'local';
  bootstrapApiKey: string | null;
  egressWorkers: number;
  egressConnectTo: ConnectTo[];
  egressCaFile: string | null;
  egressAllowPrivate: string[];
  egressCleartextHosts: string[];
  egressFirstByteTimeout: number;
  egressScrub: boolean;
  egressMaxConnections: number;
  egressMaxRequests: number;
  egressMaxBytes: number;
  egressMaxHeadBytes: number;
  sandboxDriver: 'auto' | 'bubblewrap' | 'gvisor' | 'external';
  sandboxVcpus: number;
  sandboxMemory: number;
  sandboxPids: number;
  sandboxDisk: number;
  maxSandboxes: number;
  templates: RegisteredTemplate[];
  logLevel: LogLevel;
}

export interface Setting {
  key: keyof Config;
  env: string;
  flag: string;
  help: string;
  /** As it would be written; undefined where there is none. */
  fallback: () => string | undefined;
  /** What `standin config` shows for the fallback. */
  fallbackHelp?: string;
  /** Throws an Error that says what form the setting takes. */
  parse: (text: string) => Config[keyof Config];
  secret?: boolean;
}

/** Ties what `parse` gives to the key's own type. */
function setting<Key extends keyof Config>(
  definition: Setting & { key: Key; parse: (text: string) => Config[Key] },
): Setting {
  return definition;
}

const defaultDataDir = () =>
  process.getuid?.() === 0 ? '/var/lib/standin' : join(homedir(), '.local', 'share', 'standin');

/** Every setting there is, in the order in which `standin config` prints them. */
export const settings: readonly Setting[] = [
  setting({
    key: 'dataDir',
    env: 'STANDIN_DATA_DIR',
    flag: '--data-dir',
    help: 'database file, key file and CA; mode 0700',
    fallback: defaultDataDir,
    fallbackHelp: '~/.local/share/standin (/var/lib/standin for root)',
    parse: nonEmpty,
  }),
  setting({
    key: 'apiListen',
    env: 'STANDIN_API_LISTEN',
    flag: '--api-listen',
    help: 'control plane, /openapi.json, /health, and the data plane by header',
    fallback: () => '127.0.0.1:8787',
    parse: listenAddress,
  }),
  setting({
    key: 'proxyListen',
    env: 'STANDIN_PROXY_LISTEN',
    flag: '--proxy-listen',
    help: 'egress proxy for sandboxes run elsewhere: CONNECT and absolute-form, plain or TLS',
    fallback: () => '127.0.0.1:8788',
    parse: listenAddress,
  }),
  setting({
    key: 'dataplaneListen',
    env: 'STANDIN_DATAPLANE_LISTEN',
    flag: '--dataplane-listen',
    help: 'TLS listener for boxd-<sandbox id>.<domain>, with a certificate from our CA',
    fallback: () => undefined,
    fallbackHelp: 'off',
    parse: (text) => (text === 'off' ? null : listenAddress(text)),
  }),
  setting({
    key: 'dataplaneDomain',
    env: 'STANDIN_DATAPLANE_DOMAIN',
    flag: '--dataplane-domain',
    help: 'the domain of those names',
    fallback: () => 'sandbox.localhost',
    parse: hostname,
  }),
  setting({
    key: 'console',
    env: 'STANDIN_CONSOLE',
    flag: '--console',
    help: 'whether the console is served at `/`: `on` or `off`',
    fallback: () => 'on',
    parse: (text) => oneOf(text, ['on', 'off'] as const) === 'on',
  }),
  setting({
    key: 'databaseUrl',
    env: 'STANDIN_DATABASE_URL',
    flag: '--database-url',
    help: 'sqlite:<file> or postgres://user:password@host/database',
    fallback: () => 'sqlite:',
    fallbackHelp: 'sqlite: in the data dir',
    parse: databaseUrl,
    secret: true,
  }),
  setting({
    key: 'keyProvider',
    env: 'STANDIN_KEY_PROVIDER',
    flag: '--key-provider',
    help: 'the key service that wraps data keys',
    fallback: () => 'local',
    parse: (text) => oneOf(text, ['local'] as const),
  }),
  setting({
    key: 'bootstrapApiKey',
    env: 'STANDIN_BOOTSTRAP_API_KEY',
    flag: '--bootstrap-api-key',
    help: 'at the first start only: the key of the team `default`; without it one is made and printed once',
    fallback: () => undefined,
    fallbackHelp: 'none',
    parse: bootstrapKey,
    secret: true,
  }),
  setting({
    key: 'egressWorkers',
    env: 'STANDIN_EGRESS_WORKERS',
    flag: '--egress-workers',
    help: 'worker processes of the egress proxy',
    fallback: () => String(availableParallelism()),
    fallbackHelp: 'one a core',
    parse: (text) => wholeNumber(text, 1, 1024),
  }),
  setting({
    key: 'egressConnectTo',
    env: 'STANDIN_EGRESS_CONNECT_TO',
    flag: '--egress-connect-to',
    help: 'host:port:address:port, comma separated: where a name is really dialled; names and certificate checks stay',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => list(text).map(connectTo),
  }),
  setting({
    key: 'egressCaFile',
    env: 'STANDIN_EGRESS_CA_FILE',
    flag: '--egress-ca-file',
    help: "PEM roots trusted for upstreams beside the system's",
    fallback: () => undefined,
    fallbackHelp: 'none',
    parse: nonEmpty,
  }),
  setting({
    key: 'egressAllowPrivate',
    env: 'STANDIN_EGRESS_ALLOW_PRIVATE',
    flag: '--egress-allow-private',
    help: 'CIDRs, comma separated, that the address guard lets through',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => list(text).map(cidr),
  }),
  setting({
    key: 'egressCleartextHosts',
    env: 'STANDIN_EGRESS_CLEARTEXT_HOSTS',
    flag: '--egress-cleartext-hosts',
    help: 'host names, comma separated, to which real values may go over plain HTTP, readable on the way',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => list(text).map(hostname),
  }),
  setting({
    key: 'egressFirstByteTimeout',
    env: 'STANDIN_EGRESS_FIRST_BYTE_TIMEOUT',
    flag: '--egress-first-byte-timeout',
    help: "seconds to wait for an upstream's first byte",
    fallback: () => '600',
    parse: (text) => wholeNumber(text, 1, 86_400),
  }),
  setting({
    key: 'egressScrub',
    env: 'STANDIN_EGRESS_SCRUB',
    flag: '--egress-scrub',
    help: 'on or off: replace real values in responses of the hosts that they are for by their stand-ins',
    fallback: () => 'on',
    parse: (text) => oneOf(text, ['on', 'off'] as const) === 'on',
  }),
  setting({
    key: 'egressMaxConnections',
    env: 'STANDIN_EGRESS_MAX_CONNECTIONS',
    flag: '--egress-max-connections',
    help: 'connections that one sandbox may have open in one worker; 0 for no limit',
    fallback: () => '4096',
    parse: (text) => wholeNumber(text, 0, 10_000_000),
  }),
  setting({
    key: 'egressMaxRequests',
    env: 'STANDIN_EGRESS_MAX_REQUESTS',
    flag: '--egress-max-requests',
    help: 'requests a second of one sandbox in one worker, answered 429 beyond; 0 for no limit',
    fallback: () => '0',
    parse: (text) => wholeNumber(text, 0, 10_000_000),
  }),
  setting({
    key: 'egressMaxBytes',
    env: 'STANDIN_EGRESS_MAX_BYTES',
    flag: '--egress-max-bytes',
    help: 'bytes of content a second, both ways, of one sandbox in one worker, held back beyond; 0 for no limit',
    fallback: () => '0',
    parse: (text) => wholeNumber(text, 0, Number.MAX_SAFE_INTEGER),
  }),
  setting({
    key: 'egressMaxHeadBytes',
    env: 'STANDIN_EGRESS_MAX_HEAD_BYTES',
    flag: '--egress-max-head-bytes',
    help: 'bytes that the head of a request may have, answered 431 beyond: from 4096 to 1048576',
    fallback: () => '65536',
    parse: (text) => wholeNumber(text, 4096, 1_048_576),
  }),
  setting({
    key: 'sandboxDriver',
    env: 'STANDIN_SANDBOX_DRIVER',
    flag: '--sandbox-driver',
    help: 'auto, bubblewrap, gvisor or external; a request may name another with `driver`',
    fallback: () => 'auto',
    fallbackHelp: 'auto: bubblewrap where it can run, else external',
    parse: (text) => oneOf(text, ['auto', 'bubblewrap', 'gvisor', 'external'] as const),
  }),
  setting({
    key: 'sandboxVcpus',
    env: 'STANDIN_SANDBOX_VCPUS',
    flag: '--sandbox-vcpus',
    help: 'cores that a sandbox may use at once',
    fallback: () => '2',
    parse: (text) => wholeNumber(text, 1, 1024),
  }),
  setting({
    key: 'sandboxMemory',
    env: 'STANDIN_SANDBOX_MEMORY',
    flag: '--sandbox-memory',
    help: 'MiB of memory that a sandbox may use, files in its scratch space included',
    fallback: () => '2048',
    parse: (text) => wholeNumber(text, 128, 16_777_216),
  }),
  setting({
    key: 'sandboxPids',
    env: 'STANDIN_SANDBOX_PIDS',
    flag: '--sandbox-pids',
    help: 'processes and threads that a sandbox may have',
    fallback: () => '1024',
    parse: (text) => wholeNumber(text, 32, 4_194_304),
  }),
  setting({
    key: 'sandboxDisk',
    env: 'STANDIN_SANDBOX_DISK',
    flag: '--sandbox-disk',
    help: 'MiB that a sandbox may write to its home, and the same again to its scratch space',
    fallback: () => '1024',
    parse: (text) => wholeNumber(text, 1, 16_777_216),
  }),
  setting({
    key: 'maxSandboxes',
    env: 'STANDIN_MAX_SANDBOXES',
    flag: '--max-sandboxes',
    help: 'sandboxes that one team may have at once; 0 for no limit',
    fallback: () => '0',
    parse: (text) => wholeNumber(text, 0, 1_000_000),
  }),
  setting({
    key: 'templates',
    env: 'STANDIN_TEMPLATES',
    flag: '--templates',
    help: 'name=/path, comma separated: directories and tarballs that `from_template` may name beside `base`',
    fallback: () => '',
    fallbackHelp: 'none',
    parse: (text) => templates(text),
  }),
  setting({
    key: 'logLevel',
    env: 'STANDIN_LOG_LEVEL',
    flag: '--log-level',
    help: `${logLevels.join(', ')}; JSON lines on stderr, short lines on a terminal`,
    fallback: () => 'info',
    parse: (text) => oneOf(text, logLevels),
  }),
];
