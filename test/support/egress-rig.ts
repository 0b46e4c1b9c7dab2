import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../../src/client/client.ts';
import { makeAuthority } from './certificates.ts';
import type { Authority } from './certificates.ts';
import { waitUntil } from './processes.ts';
import { connectThroughProxy, proxyAccess } from './proxy-client.ts';
import type { ProxyAccess, RawConnection } from './proxy-client.ts';
import { sized } from './replies.ts';
import type { Reply } from './replies.ts';
import { startStandin } from './standin-server.ts';
import type { StandinServer, StandinServerOptions } from './standin-server.ts';
import { temporaryDirectory } from './temporary.ts';
import { startTlsUpstream } from './tls-upstream.ts';
import type { TlsUpstream, TlsUpstreamOptions, UpstreamRequest } from './tls-upstream.ts';

type SandboxInput = Parameters<Client['sandboxes']['create']>[0];
type SecretInput = Parameters<Client['secrets']['create']>[0];
type AuditRow = Awaited<ReturnType<Client['secrets']['audit']>>[number];

/** The real server, and one TLS upstream under several names that its sandboxes may reach. */
export interface EgressRig {
  server: StandinServer;
  upstream: TlsUpstream;
  /** Signed the upstream's certificate; the server trusts it. */
  authority: Authority;
  /** What the upstream answers at a path; before any: 200 and nothing. */
  answer(path: string, respond: (request: UpstreamRequest) => Reply | Promise<Reply>): void;
  /** The requests that came for a path (without its query). */
  requestsFor(path: string): UpstreamRequest[];
  /** Stores a secret and answers its value. */
  secret(input: Omit<SecretInput, 'value'> & { value?: string }): Promise<string>;
  /** A sandbox that is run elsewhere, with these secrets under these keys. */
  sandbox(secrets?: Record<string, string>, more?: Omit<SandboxInput, 'name' | 'secrets'>): Promise<RigSandbox>;
  /** The newest audit row of a secret that fits, as soon as there is one. */
  auditRow(secret: string, fits: (row: AuditRow) => boolean): Promise<AuditRow>;
  stop(): Promise<void>;
}

export interface RigSandbox {
  id: string;
  access: ProxyAccess;
  /** PEM of the CA that signs what this sandbox sees. */
  ca: string;
  standIn(envKey: string): string;
  /** TLS through CONNECT. */
  connect(host: string, options?: { port?: number; serverName?: string }): Promise<RawConnection>;
}

export interface EgressRigOptions extends Pick<TlsUpstreamOptions, 'onConnection'> {
  /** Names of the upstream, on port 443. */
  names: string[];
  /** Names that are dialled at other ports: `name:port` → loopback port. */
  also?: Record<string, number>;
  server?: StandinServerOptions;
}

export async function startEgressRig(options: EgressRigOptions): Promise<EgressRig> {
  const directory = temporaryDirectory('egress-rig');
  const authority = makeAuthority();
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, authority.certPem);
  const answers = new Map<string, (request: UpstreamRequest) => Reply | Promise<Reply>>();
  const upstream = await startTlsUpstream({
    certificate: authority.issue(options.names),
    respond: (request) => answers.get(pathOf(request))?.(request) ?? sized(200),
    ...(options.onConnection === undefined ? {} : { onConnection: options.onConnection }),
  });
  const connectTo = [
    ...options.names.map((name) => `${name}:443:127.0.0.1:${upstream.port}`),
    ...Object.entries(options.also ?? {}).map(([place, port]) => `${place}:127.0.0.1:${port}`),
  ];
  const server = await startStandin({
    ...options.server,
    env: {
      STANDIN_EGRESS_CONNECT_TO: connectTo.join(','),
      STANDIN_EGRESS_CA_FILE: rootFile,
      ...options.server?.env,
    },
  }).catch(async (error: unknown) => {
    await upstream.stop();
    directory.remove();
    throw error;
  });
  let count = 0;
  return {
    server,
    upstream,
    authority,
    answer: (path, respond) => void answers.set(path, respond),
    requestsFor: (path) => upstream.requests.filter((each) => pathOf(each) === path),
    secret: async ({ value = `real-${randomBytes(12).toString('hex')}`, ...input }) => {
      await server.client.secrets.create({ ...input, value });
      return value;
    },
    sandbox: async (secrets = {}, more = {}) => {
      count += 1;
      const { id, egress } = await server.client.sandboxes.create({
        name: `sandbox-${count}`,
        driver: 'external',
        secrets,
        ...more,
      });
      const access = proxyAccess(egress.proxy_url);
      return {
        id,
        access,
        ca: egress.ca_pem,
        standIn: (envKey) => {
          const text = egress.env[envKey];
          if (text === undefined) throw new Error(`nothing is bound to ${envKey}`);
          return text;
        },
        connect: (host, target = {}) => connectThroughProxy(access, { host, ca: egress.ca_pem, ...target }),
      };
    },
    auditRow: async (secret, fits) => {
      let row: AuditRow | undefined;
      await waitUntil(
        async () => {
          row = (await server.client.secrets.audit(secret, { limit: 200 })).find(fits);
          return row !== undefined;
        },
        { what: `an audit row of ${secret}` },
      );
      if (row === undefined) throw new Error('unreachable');
      return row;
    },
    stop: async () => {
      await server.stop();
      await upstream.stop();
      directory.remove();
    },
  };
}

function pathOf({ target }: UpstreamRequest): string {
  return target.split('?', 1)[0] ?? '';
}
