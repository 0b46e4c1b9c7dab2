import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/ports.ts';
import { startProgram } from '../../test/support/processes.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { realCredential, upstreamHost } from '../upstream.ts';
import type { CopySettings } from './copy-settings.ts';
import { everyHost } from './peer.ts';
import type { Peer, PeerSetup } from './peer.ts';

/** What Node alone costs: TLS on both legs and nothing between. Its clients send the real credential, since it swaps none. */
export async function startCopyPeer({ authority, upstreamPort, launcher }: PeerSetup): Promise<Peer> {
  const port = await freePort();
  const directory = temporaryDirectory('node-copy');
  const { certPem, keyPem } = authority.issue([upstreamHost]);
  const settings: CopySettings = {
    port,
    upstreamPort,
    upstreamHost,
    upstreamCa: authority.certPem,
    cert: certPem,
    key: keyPem,
  };
  const file = join(directory.path, 'settings.json');
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  const main = join(import.meta.dirname, 'copy-main.ts');
  const [command, ...args] = [...launcher, process.execPath, '--max-semi-space-size=64', main, file];
  const program = await startProgram(command, args);
  const stop = async () => {
    await program.stop('SIGTERM', { graceMs: 1000 });
    directory.remove();
  };
  try {
    await program.waitForOutput(/^ready$/m);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: 'node-copy',
    protocols: ['http/1.1'],
    targets: everyHost({ port, ca: authority.certPem, credential: realCredential }),
    pid: program.pid,
    stop,
  };
}
