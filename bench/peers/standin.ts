import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { proxyAccess } from '../../test/support/proxy-client.ts';
import { startStandin } from '../../test/support/standin-server.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { realCredential, upstreamHost } from '../upstream.ts';
import type { Peer, PeerSetup } from './peer.ts';

/** The whole server with one egress worker; its API, vault and audit writes are on the proxy's core and in its CPU. */
export async function startStandinPeer({ authority, upstreamPort, launcher }: PeerSetup): Promise<Peer> {
  const directory = temporaryDirectory('bench');
  const rootFile = join(directory.path, 'root.pem');
  writeFileSync(rootFile, authority.certPem);
  const server = await startStandin({
    launcher,
    env: {
      STANDIN_EGRESS_CONNECT_TO: `${upstreamHost}:443:127.0.0.1:${upstreamPort}`,
      STANDIN_EGRESS_CA_FILE: rootFile,
    },
  });
  const stop = async () => {
    await server.stop();
    directory.remove();
  };
  try {
    const { secrets, sandboxes } = server.client;
    await secrets.create({ name: 'bench', value: realCredential, auth: { type: 'bearer' }, hosts: [upstreamHost] });
    const { egress } = await sandboxes.create({ name: 'bench', driver: 'external', secrets: { API_KEY: 'bench' } });
    const access = proxyAccess(egress.proxy_url);
    return {
      name: 'standin',
      target: { port: access.port, host: upstreamHost, ca: egress.ca_pem, tunnelAs: access.authorization ?? null },
      credential: egress.env['API_KEY'] ?? '',
      pid: server.program.pid,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
