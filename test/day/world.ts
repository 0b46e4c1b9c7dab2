import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { valuePatterns } from '../soak/marks.ts';
import { StreamSearch } from '../soak/stream-search.ts';
import type { DayFindings } from './claims.ts';
import { Credentials, secrets } from './credentials.ts';
import { startDayUpstreams } from './upstreams.ts';
import type { DayUpstreams } from './upstreams.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Programs of others that ours need. */
const modules = join(root, 'node_modules');
const programs = fileURLToPath(new URL('inside', import.meta.url));
const python = join(modules, '.cache', 'standin', 'python');

/** A real server, what it reaches, and one sandbox in which the agents work. */
export interface World {
  server: StandinServer;
  upstreams: DayUpstreams;
  credentials: Credentials;
  findings: DayFindings;
  /** With the access token that counts. */
  sandbox: SandboxWithAccess;
  /** Another like it. */
  createSandbox(name: string): Promise<SandboxWithAccess>;
  /** What came out of the sandbox is searched for real values. */
  seen(content: string, from: string): void;
  stop(): Promise<void>;
}

export async function makeWorld(options: { findings: DayFindings; paceMs: number }): Promise<World> {
  const { findings, paceMs } = options;
  const directory = temporaryDirectory('day');
  const authority = makeAuthority();
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, authority.certPem);
  const credentials = new Credentials();
  const seen = (content: string, from: string) => {
    const hits = new StreamSearch(valuePatterns).push(Buffer.from(content));
    findings.checked('value_outside', Buffer.byteLength(content));
    for (const { form, around } of hits) findings.violate('value_outside', `${from}: ${form} in ${around}`);
  };
  const upstreams = await startDayUpstreams({
    authority,
    credentials,
    findings,
    python: join(python, 'bin', 'python'),
    paceMs,
    seen: (content) => seen(content, 'told an upstream'),
  });
  const server = await startStandin({
    env: {
      STANDIN_SANDBOX_DRIVER: 'bubblewrap',
      STANDIN_EGRESS_CONNECT_TO: Object.entries(upstreams.ports)
        .map(([host, port]) => `${host}:443:127.0.0.1:${port}`)
        .join(','),
      STANDIN_EGRESS_CA_FILE: rootFile,
      STANDIN_EGRESS_WORKERS: '2',
    },
  });
  for (const { name, rule } of secrets) {
    const { value, stored } = credentials.next(name);
    await server.client.secrets.create({ name, value, ...rule });
    stored();
  }
  const createSandbox = (sandboxName: string) =>
    server.client.sandboxes.create({
      name: sandboxName,
      secrets: Object.fromEntries(secrets.map(({ name, envKey }) => [envKey, name])),
      env_vars: { DAY: programs, MODULES: modules, PYTHON: join(python, 'bin', 'python') },
      metadata: { purpose: 'an agent’s day' },
      mounts: [programs, modules].map((path) => ({ source: path, target: path, read_only: true })),
    });
  return {
    server,
    upstreams,
    credentials,
    findings,
    sandbox: await createSandbox('day'),
    createSandbox,
    seen,
    stop: async () => {
      await server.stop();
      await upstreams.stop();
      directory.remove();
    },
  };
}
