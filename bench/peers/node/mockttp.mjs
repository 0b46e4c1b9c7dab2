import { ready, resolveUpstreamHere, settings } from './settings.mjs';

resolveUpstreamHere();
const { getLocal } = await import('mockttp');
const server = getLocal({
  https: { key: settings.root.keyPem, cert: settings.root.certPem },
  http2: true,
  recordTraffic: false,
});
await server.forAnyRequest().thenPassThrough({
  additionalTrustedCAs: [{ cert: settings.upstreamCa }],
  transformRequest: { updateHeaders: { authorization: `Bearer ${settings.credential}` } },
});
await server.start(settings.port);
ready(settings.root.certPem);
