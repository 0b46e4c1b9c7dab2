import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from './certificates.ts';
import type { Authority } from './certificates.ts';
import { startStandin } from './standin-server.ts';
import type { StandinServer } from './standin-server.ts';
import { temporaryDirectory } from './temporary.ts';

/** The real server, before upstreams of any kind. */
export interface ClientRig {
  server: StandinServer;
  stop(): Promise<void>;
}

/**
 * Starts what `upstreams` starts, with certificates of an authority that the server trusts; it answers the loopback port
 * for each name, which the server then reaches there instead of at its port 443. `stop` does not end them.
 */
export async function startClientRig(
  upstreams: (authority: Authority) => Promise<Record<string, number>>,
  env: Record<string, string> = {},
): Promise<ClientRig> {
  const directory = temporaryDirectory('client-rig');
  try {
    const authority = makeAuthority();
    const rootFile = join(directory.path, 'root.pem');
    writeFileSync(rootFile, authority.certPem);
    const ports = Object.entries(await upstreams(authority));
    const server = await startStandin({
      env: {
        STANDIN_EGRESS_CONNECT_TO: ports.map(([name, port]) => `${name}:443:127.0.0.1:${port}`).join(','),
        STANDIN_EGRESS_CA_FILE: rootFile,
        ...env,
      },
    });
    return {
      server,
      stop: async () => {
        await server.stop();
        directory.remove();
      },
    };
  } catch (error) {
    directory.remove();
    throw error;
  }
}
