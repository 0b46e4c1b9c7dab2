import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { ready, resolveUpstreamHere, settings } from './settings.mjs';

resolveUpstreamHere();
const { Proxy } = await import('http-mitm-proxy');
const proxy = new Proxy();
proxy.onError((_context, error) => process.stderr.write(`${error}\n`));
proxy.onRequest((context, next) => {
  context.proxyToServerRequestOptions.headers['authorization'] = `Bearer ${settings.credential}`;
  next();
});
proxy.listen(
  {
    host: '127.0.0.1',
    port: settings.port,
    sslCaDir: settings.directory,
    keepAlive: true,
    httpsAgent: new Agent({ keepAlive: true, ca: settings.upstreamCa, servername: settings.upstreamHost }),
  },
  () => ready(readFileSync(join(settings.directory, 'certs', 'ca.pem'), 'utf8')),
);
