import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/ports.ts';
import { startProgram } from '../../test/support/processes.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { LoadShape } from '../load/protocol.ts';
import { realCredential, upstreamHost } from '../upstream.ts';
import { makeMintingRoot } from './minting-root.ts';
import { everyHost } from './peer.ts';
import type { Peer, PeerSetup } from './peer.ts';

const folder = fileURLToPath(new URL('node/', import.meta.url));

/** What clients of each library can speak. */
const protocols = {
  mockttp: ['http/1.1', 'h2'],
  'http-mitm-proxy': ['http/1.1'],
} as const satisfies Record<string, readonly LoadShape['protocol'][]>;

/** A proxy in Node made with one of the libraries of `node/package.json`; its program is `node/<name>.mjs`. */
export async function startNodePeer(name: keyof typeof protocols, setup: PeerSetup): Promise<Peer> {
  if (!existsSync(join(folder, 'node_modules', name))) throw new Error(`${name} is not installed`);
  const port = await freePort();
  const directory = temporaryDirectory(name);
  const root = makeMintingRoot();
  const settings = {
    port,
    root,
    upstreamHost,
    upstreamCa: setup.authority.certPem,
    credential: realCredential,
    directory: directory.path,
  };
  const file = join(directory.path, 'settings.json');
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  const [command, ...args] = [...setup.launcher, process.execPath, join(folder, `${name}.mjs`), file];
  const program = await startProgram(command, args);
  const stop = async () => {
    await program.stop('SIGTERM', { graceMs: 1000 });
    directory.remove();
  };
  try {
    const [, ca = ''] = await program.waitForOutput(/^ready (.*)$/m);
    return {
      name,
      protocols: protocols[name],
      targets: everyHost({
        port,
        ca: Buffer.from(ca, 'base64').toString(),
        authority: `${upstreamHost}:${setup.upstreamPort}`,
        tunnelAs: '',
      }),
      pid: program.pid,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
