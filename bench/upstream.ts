import { runNginx } from '../test/support/nginx.ts';
import type { Nginx } from '../test/support/nginx.ts';
import type { ServerCertificate } from '../test/support/certificates.ts';
import { freePort } from '../test/support/ports.ts';

/**
 * The names under which the upstream is reached. Standin has a secret for all but `free`; peers use the first only, and
 * `flooded` is for an upstream of its own.
 */
export const upstreamHosts = {
  bound: 'api.example.com',
  free: 'files.example.com',
  flooded: 'busy.example.com',
} as const;
export type HostKind = 'bound' | 'free';
export const upstreamHost = upstreamHosts.bound;

/** The credential that the upstream wants; anything else is answered 401, which fails a run. */
export const realCredential = 'real-credential-of-the-benchmark';

/** nginx with TLS and keep-alive, serving 1 KB and 1 MB to whoever sends the real credential. */
export async function startUpstream(
  certificate: ServerCertificate,
  launcher: string[],
): Promise<Nginx & { port: number }> {
  const port = await freePort();
  const http = `
    map $http_authorization $refused { default 1; "Bearer ${realCredential}" 0; }
    open_file_cache max=10;
    server {
      listen 127.0.0.1:${port} ssl backlog=4096;
      ssl_certificate server.pem; ssl_certificate_key server.key; ssl_session_cache shared:s:1m;
      ssl_protocols TLSv1.2 TLSv1.3;
      keepalive_requests 1000000000; keepalive_timeout 1h; root files;
      if ($refused) { return 401; }
    }`;
  const files = {
    'server.pem': certificate.certPem,
    'server.key': certificate.keyPem,
    'files/1kb': Buffer.alloc(1024, 'k'),
    'files/1mb': Buffer.alloc(1024 * 1024, 'm'),
  };
  return { ...(await runNginx({ http, files, launcher }, port)), port };
}
