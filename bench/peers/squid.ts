import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/ports.ts';
import { runProgram, startProgram, waitForPort } from '../../test/support/processes.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { realCredential, upstreamHost } from '../upstream.ts';
import { makeMintingRoot } from './minting-root.ts';
import { everyHost } from './peer.ts';
import type { Peer, PeerSetup } from './peer.ts';

const certificateHelper = '/usr/lib/squid/security_file_certgen';

/** Squid with ssl-bump, one process: it mints a certificate for each host as Standin does. No cache, no log. */
export async function startSquidPeer({ authority, upstreamPort, launcher }: PeerSetup): Promise<Peer> {
  const port = await freePort();
  const directory = temporaryDirectory('squid');
  const path = (name: string) => join(directory.path, name);
  const stop = async () => {
    await program?.stop('SIGTERM', { graceMs: 1000 });
    directory.remove();
  };
  let program: Awaited<ReturnType<typeof startProgram>> | undefined;
  try {
    const root = makeMintingRoot();
    writeFileSync(path('ca.pem'), root.certPem + root.keyPem);
    writeFileSync(path('root.pem'), authority.certPem);
    writeFileSync(path('hosts'), `127.0.0.1 ${upstreamHost}\n`);
    const made = await runProgram(certificateHelper, ['-c', '-s', path('minted'), '-M', '4MB']);
    if (made.code !== 0) throw new Error(`security_file_certgen: ${made.stderr}`);
    // Started by root, it works as another user.
    await runProgram('chmod', ['-R', 'a+rwX', directory.path]);
    chmodSync(directory.path, 0o777);
    writeFileSync(
      path('squid.conf'),
      `
http_port 127.0.0.1:${port} ssl-bump tls-cert=${path('ca.pem')} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program ${certificateHelper} -s ${path('minted')} -M 4MB
sslcrtd_children 1 startup=1 idle=1
ssl_bump bump all
tls_outgoing_options cafile=${path('root.pem')} default-ca=off
http_access allow all
request_header_access Authorization deny all
request_header_replace Authorization Bearer ${realCredential}
hosts_file ${path('hosts')}
cache deny all
cache_mem 0
access_log none
cache_log ${path('cache.log')}
pid_filename ${path('squid.pid')}
coredump_dir ${directory.path}
workers 1
shutdown_lifetime 0 seconds
server_persistent_connections on
client_persistent_connections on
pconn_lifetime 1 hour
server_idle_pconn_timeout 1 hour
client_idle_pconn_timeout 1 hour
pinger_enable off
via off
forwarded_for delete
`,
    );
    const [command, ...args] = [...launcher, 'squid', '-N', '-f', path('squid.conf')];
    program = await startProgram(command, args);
    await waitForPort(port, { program });
    return {
      name: 'squid',
      protocols: ['http/1.1'],
      targets: everyHost({ port, ca: root.certPem, authority: `${upstreamHost}:${upstreamPort}`, tunnelAs: '' }),
      pid: program.pid,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
