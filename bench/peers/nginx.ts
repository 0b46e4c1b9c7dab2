import { runNginx } from '../../test/support/nginx.ts';
import { freePort } from '../../test/support/ports.ts';
import { realCredential, upstreamHost } from '../upstream.ts';
import { everyHost } from './peer.ts';
import type { Peer, PeerSetup } from './peer.ts';

/** nginx as a reverse proxy: TLS on both legs, a pool to the upstream, its certificate verified, no log. */
export async function startNginxPeer({ authority, upstreamPort, launcher }: PeerSetup): Promise<Peer> {
  const port = await freePort();
  const certificate = authority.issue([upstreamHost]);
  const http = `
    upstream api { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }
    server {
      listen 127.0.0.1:${port} ssl http2 backlog=4096;
      ssl_protocols TLSv1.2 TLSv1.3;
      ssl_certificate server.pem; ssl_certificate_key server.key;
      keepalive_requests 1000000000; keepalive_timeout 1h;
      location / {
        proxy_pass https://api; proxy_http_version 1.1; proxy_max_temp_file_size 0;
        proxy_set_header Host $host; proxy_set_header Connection "";
        proxy_set_header Authorization "Bearer ${realCredential}";
        proxy_ssl_verify on; proxy_ssl_trusted_certificate root.pem;
        proxy_ssl_name ${upstreamHost}; proxy_ssl_server_name on; proxy_ssl_session_reuse on;
        proxy_ssl_protocols TLSv1.2 TLSv1.3;
      }
    }`;
  const files = { 'server.pem': certificate.certPem, 'server.key': certificate.keyPem, 'root.pem': authority.certPem };
  const nginx = await runNginx({ http, files, launcher }, port);
  return {
    name: 'nginx',
    protocols: ['http/1.1', 'h2'],
    targets: everyHost({ port, ca: authority.certPem }),
    pid: nginx.pid,
    stop: () => nginx.stop(),
  };
}
