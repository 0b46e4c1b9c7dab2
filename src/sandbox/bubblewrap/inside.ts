import { caBundleVariables } from '../driver.ts';
import { javaTrustStorePassword } from '../java-trust-store.ts';

/** Where things are inside a sandbox. */
export const inside = {
  home: '/home/user',
  /** The server's own Node: runs the agent, and is the last on PATH so that `node` is always there. */
  nodeDirectory: '/opt/standin/bin',
  node: '/opt/standin/bin/node',
  agent: '/opt/standin/agent',
  trust: '/opt/standin/trust',
  /** One PEM bundle over the distribution's own. */
  bundle: '/etc/ssl/certs/ca-certificates.crt',
} as const;

/**
 * The sandbox's own address, the source of its connections, and its name server: a UDP answer leaves from here, so
 * that a client that connected its socket takes it. The name server must never give this address to a name.
 */
export const resolverAddress = '198.18.255.254';

/** Variables for every process: who and where it is, and what it trusts. */
export function insideEnvironment(host: { bash: boolean; java: boolean }): Record<string, string> {
  return {
    HOME: inside.home,
    USER: 'user',
    LOGNAME: 'user',
    SHELL: host.bash ? '/bin/bash' : '/bin/sh',
    LANG: 'C.UTF-8',
    PATH: `/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin:${inside.nodeDirectory}`,
    NODE_EXTRA_CA_CERTS: `${inside.trust}/ca.pem`,
    ...Object.fromEntries(caBundleVariables.map((name) => [name, inside.bundle])),
    ...(host.java
      ? {
          JAVA_TOOL_OPTIONS: `-Djavax.net.ssl.trustStore=${inside.trust}/trust.jks -Djavax.net.ssl.trustStorePassword=${javaTrustStorePassword}`,
        }
      : {}),
  };
}
