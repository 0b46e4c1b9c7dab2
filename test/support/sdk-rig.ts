import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from './certificates.ts';
import { startConnectProxy } from './connect-proxy.ts';
import { freePorts } from './ports.ts';
import { runProgram } from './processes.ts';
import { sized } from './replies.ts';
import { startStandin } from './standin-server.ts';
import type { StandinServer } from './standin-server.ts';
import { temporaryDirectory } from './temporary.ts';
import { startTlsUpstream } from './tls-upstream.ts';
import type { TlsUpstream } from './tls-upstream.ts';

/**
 * A real server as the official SDKs expect theirs: they send a sandbox's own traffic to `sandbox.superserve.ai`, port 443,
 * whatever their base URL is. That name leads here by a proxy of the test, and our CA is trusted.
 */
export interface SdkRig {
  server: StandinServer;
  /** Answers for `upstreamHost`. */
  upstream: TlsUpstream;
  /** What a program with an SDK in it is started with. */
  env: Record<string, string>;
  run(program: string, args: string[]): ReturnType<typeof runProgram>;
  stop(): Promise<void>;
}

export const upstreamHost = 'api.example.com';

export async function startSdkRig(settings: Record<string, string> = {}): Promise<SdkRig> {
  const directory = temporaryDirectory('sdk');
  const authority = makeAuthority();
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, authority.certPem);
  const upstream = await startTlsUpstream({
    certificate: authority.issue([upstreamHost]),
    respond: () => sized(200, 'hello'),
  });
  const [port = 0] = await freePorts(1);
  const domain = 'sandbox.superserve.ai';
  const server = await startStandin({
    env: {
      STANDIN_SANDBOX_DRIVER: 'bubblewrap',
      STANDIN_DATAPLANE_LISTEN: `127.0.0.1:${port}`,
      STANDIN_DATAPLANE_DOMAIN: domain,
      STANDIN_EGRESS_CONNECT_TO: `${upstreamHost}:443:127.0.0.1:${upstream.port}`,
      STANDIN_EGRESS_CA_FILE: rootFile,
      ...settings,
    },
  });
  const proxy = await startConnectProxy(port);
  const caFile = join(server.dataDir, 'ca.pem');
  const bundle = join(directory.path, 'bundle.pem');
  writeFileSync(
    bundle,
    `${readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8')}\n${readFileSync(caFile, 'utf8')}`,
  );
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory.path,
    SUPERSERVE_API_KEY: server.apiKey,
    SUPERSERVE_BASE_URL: server.url,
    HTTPS_PROXY: proxy.url,
    NODE_USE_ENV_PROXY: '1',
    NODE_EXTRA_CA_CERTS: caFile,
    SSL_CERT_FILE: bundle,
  };
  return {
    server,
    upstream,
    env,
    run: (program, args) => runProgram(program, args, { env }),
    stop: async () => {
      await proxy.stop();
      await server.stop();
      await upstream.stop();
      directory.remove();
    },
  };
}
