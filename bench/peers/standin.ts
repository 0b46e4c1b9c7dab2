import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { proxyAccess } from '../../test/support/proxy-client.ts';
import { startStandin } from '../../test/support/standin-server.ts';
import type { StandinServer } from '../../test/support/standin-server.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { LoadTarget } from '../load/protocol.ts';
import { realCredential, upstreamHost, upstreamHosts } from '../upstream.ts';
import type { Peer, PeerSetup } from './peer.ts';

/** A server of Standin's with sandboxes that may use the upstream. */
export interface StandinPeer extends Peer {
  /** One for each sandbox, to the bound host. */
  sandboxes: readonly LoadTarget[];
  server: StandinServer;
}

/** How much of everything it has. */
export interface StandinSize {
  workers?: number;
  sandboxes?: number;
  /** Secrets bound to each sandbox; one is the upstream's, the others have hosts of their own. */
  bindings?: number;
  /** Where the upstream that is flooded listens, if not with the others. */
  floodedPort?: number;
  /** Further environment of the server. */
  env?: Record<string, string>;
  name?: string;
}

/** So many calls of the API are under way at once while sandboxes are made. */
const callsAtOnce = 8;

/** The whole server, with one egress worker; its API, vault and audit writes are on the proxy's core and in its CPU. */
export async function startStandinPeer(setup: PeerSetup, size: StandinSize = {}): Promise<StandinPeer> {
  const directory = temporaryDirectory('bench');
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, setup.authority.certPem);
  const { floodedPort = setup.upstreamPort } = size;
  const connectTo = Object.values(upstreamHosts).map(
    (host) => `${host}:443:127.0.0.1:${host === upstreamHosts.flooded ? floodedPort : setup.upstreamPort}`,
  );
  const server = await startStandin({
    launcher: setup.launcher,
    env: {
      STANDIN_EGRESS_CONNECT_TO: connectTo.join(','),
      STANDIN_EGRESS_CA_FILE: rootFile,
      STANDIN_EGRESS_WORKERS: String(size.workers ?? 1),
      ...size.env,
    },
  });
  const stop = async () => {
    await server.stop();
    directory.remove();
  };
  try {
    const sandboxes = await fill(server, size);
    const [bound] = sandboxes;
    if (bound === undefined) throw new Error('there is no sandbox');
    const free = { ...bound, host: upstreamHosts.free, authority: upstreamHosts.free, credential: realCredential };
    return {
      name: size.name ?? 'standin',
      protocols: ['http/1.1', 'h2'],
      targets: { bound, free },
      sandboxes,
      server,
      pid: server.program.pid,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fill({ client }: StandinServer, size: StandinSize): Promise<LoadTarget[]> {
  const bound: Record<string, string> = {};
  for (let index = 0; index < (size.bindings ?? 1); index++) {
    const name = `bench-${index}`;
    await client.secrets.create({
      name,
      value: index === 0 ? realCredential : `another-credential-of-the-benchmark-${index}`,
      auth: { type: 'bearer' },
      hosts: index === 0 ? [upstreamHost, upstreamHosts.flooded] : [`api-${index}.example.org`],
    });
    bound[`API_KEY_${index}`] = name;
  }
  const made: LoadTarget[] = [];
  const wanted = Array.from({ length: size.sandboxes ?? 1 }, (_, index) => `bench-${index}`);
  const makeNext = async () => {
    for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
      const { egress } = await client.sandboxes.create({ name, driver: 'external', secrets: bound });
      const access = proxyAccess(egress.proxy_url);
      made.push({
        port: access.port,
        host: upstreamHost,
        authority: upstreamHost,
        ca: egress.ca_pem,
        tunnelAs: access.authorization ?? null,
        credential: egress.env['API_KEY_0'] ?? '',
      });
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, makeNext));
  return made;
}
