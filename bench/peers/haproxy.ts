import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/ports.ts';
import { startProgram, waitForPort } from '../../test/support/processes.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { realCredential, upstreamHost } from '../upstream.ts';
import { everyHost } from './peer.ts';
import type { Peer, PeerSetup } from './peer.ts';

/** HAProxy doing the same as the nginx peer, in one thread. */
export async function startHaproxyPeer({ authority, upstreamPort, launcher }: PeerSetup): Promise<Peer> {
  const port = await freePort();
  const directory = temporaryDirectory('haproxy');
  const path = (name: string) => join(directory.path, name);
  const certificate = authority.issue([upstreamHost]);
  writeFileSync(path('server.pem'), certificate.certPem + certificate.keyPem, { mode: 0o600 });
  writeFileSync(path('root.pem'), authority.certPem);
  writeFileSync(
    path('haproxy.cfg'),
    `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
frontend clients
  bind 127.0.0.1:${port} ssl crt ${path('server.pem')} alpn h2,http/1.1
  http-request set-header Authorization "Bearer ${realCredential}"
  default_backend api
backend api
  http-reuse always
  server api 127.0.0.1:${upstreamPort} ssl verify required ca-file ${path('root.pem')} sni str(${upstreamHost}) verifyhost ${upstreamHost}
`,
  );
  const [command, ...args] = [...launcher, 'haproxy', '-db', '-f', path('haproxy.cfg')];
  const program = await startProgram(command, args);
  const stop = async () => {
    await program.stop();
    directory.remove();
  };
  try {
    await waitForPort(port, { program });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: 'haproxy',
    protocols: ['http/1.1', 'h2'],
    targets: everyHost({ port, ca: authority.certPem }),
    pid: program.pid,
    stop,
  };
}
