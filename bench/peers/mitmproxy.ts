import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/ports.ts';
import { startProgram, waitForPort } from '../../test/support/processes.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { realCredential } from '../upstream.ts';
import { everyHost } from './peer.ts';
import type { Peer, PeerSetup } from './peer.ts';

/** Where `scripts/setup --bench` installs it. */
const binary = fileURLToPath(new URL('../../node_modules/.cache/standin/mitmproxy/bin/mitmdump', import.meta.url));

/** mitmproxy as a forward proxy with an addon that sets the header, as its users do; no flow is kept or shown. */
export async function startMitmproxyPeer({ authority, upstreamPort, launcher }: PeerSetup): Promise<Peer> {
  if (!existsSync(binary)) throw new Error('mitmproxy is not installed');
  const port = await freePort();
  const directory = temporaryDirectory('mitmproxy');
  const path = (name: string) => join(directory.path, name);
  writeFileSync(path('root.pem'), authority.certPem);
  writeFileSync(
    path('swap.py'),
    `
def request(flow):
    flow.request.headers["Authorization"] = "Bearer ${realCredential}"

def server_connect(data):
    data.server.address = ("127.0.0.1", ${upstreamPort})
`,
  );
  const settings = [`confdir=${directory.path}`, `ssl_verify_upstream_trusted_ca=${path('root.pem')}`];
  const [command = binary, ...args] = [
    ...launcher,
    binary,
    '--quiet',
    '--listen-host',
    '127.0.0.1',
    '--listen-port',
    String(port),
    '--scripts',
    path('swap.py'),
    ...settings.flatMap((each) => ['--set', each]),
  ];
  const program = await startProgram(command, args);
  const stop = async () => {
    await program.stop();
    directory.remove();
  };
  try {
    await waitForPort(port, { program, withinMs: 30_000 });
    return {
      name: 'mitmproxy',
      protocols: ['http/1.1', 'h2'],
      targets: everyHost({ port, ca: readFileSync(path('mitmproxy-ca-cert.pem'), 'utf8'), tunnelAs: '' }),
      pid: program.pid,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
