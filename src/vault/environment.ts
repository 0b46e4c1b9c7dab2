import { caBundleVariables } from '../sandbox/driver.ts';
import type { NetworkFacts } from './deps.ts';
import type { EgressView } from './types.ts';

/**
 * Where a sandbox that somebody else runs is expected to keep `ca_pem`. `STANDIN_CA_FILE` names it in `env`: to keep it
 * elsewhere, put the other path into every variable that has this value.
 */
export const externalCaFile = '/etc/standin/ca.pem';

/** With all traffic through the proxy, our CA is all that a program needs to trust. */
const trustVariables = ['STANDIN_CA_FILE', 'NODE_EXTRA_CA_CERTS', ...caBundleVariables] as const;

const proxyVariables = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'] as const;
/** No credential is bound to the machine itself, and a sandbox's own servers are none of the proxy's business. */
const direct = 'localhost,127.0.0.1,::1';

/** What a sandbox's own code sees: its variables, and a stand-in for each secret. */
export function ownEnvironment(
  envVars: Record<string, string>,
  bindings: readonly { envKey: string; standIn: string }[],
): Record<string, string> {
  return { ...envVars, ...Object.fromEntries(bindings.map(({ envKey, standIn }) => [envKey, standIn])) };
}

/**
 * How the sandbox reaches the proxy. `token` is null where it was not just made: the URL then carries the sandbox's id
 * alone, and whoever uses it gets 407. What the sandbox itself sets wins.
 */
export function egressView(
  { proxyUrl, caPem }: NetworkFacts,
  { sandboxId, token }: { sandboxId: string; token: string | null },
  own: Record<string, string>,
): EgressView {
  const { protocol, host } = new URL(proxyUrl);
  const url = `${protocol}//${sandboxId}${token === null ? '' : `:${token}`}@${host}`;
  const env = {
    ...Object.fromEntries(proxyVariables.map((name) => [name, url])),
    NO_PROXY: direct,
    no_proxy: direct,
    NODE_USE_ENV_PROXY: '1',
    ...Object.fromEntries(trustVariables.map((name) => [name, externalCaFile])),
    ...own,
  };
  return { proxyUrl: url, caPem, env };
}
