import { caBundleVariables } from '../driver.ts';
import { javaTrustStorePassword } from '../java-trust-store.ts';

/** Where things are inside a sandbox. */
export const inside = {
  home: '/home/user',
  /** The server's own Node: runs the agent, and is the last on PATH so that `node` is always there. */
  nodeDirectory: '/opt/standin/bin',
  node: '/opt/standin/bin/node',
  /** On a template: Perl, and the libraries that it and Node need. */
  perl: '/opt/standin/bin/perl',
  libraries: '/opt/standin/lib',
  agent: '/opt/standin/agent',
  seccomp: '/opt/standin/seccomp.bpf',
  trust: '/opt/standin/trust',
  /** In gVisor, where its kernel lacks something: what stands before the C library. */
  shim: '/opt/standin/shim',
  /** One PEM bundle over the distribution's own. */
  bundle: '/etc/ssl/certs/ca-certificates.crt',
} as const;

/** Links that every sandbox has, whatever its tree. */
export const ownLinks = [
  { path: '/var/tmp', target: '/tmp' },
  { path: '/var/run', target: '/run' },
] as const;

/**
 * The sandbox's own address, the source of its connections, and its name server: a UDP answer leaves from here, so
 * that a client that connected its socket takes it. The name server must never give this address to a name.
 */
export const resolverAddress = '198.18.255.254';

const path = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin';

/** Variables for every process: who and where it is, and what it trusts. `node`: whether the server's own can be run by name. */
export function insideEnvironment(tree: { bash: boolean; java: boolean; node: boolean }): Record<string, string> {
  return {
    HOME: inside.home,
    USER: 'user',
    LOGNAME: 'user',
    SHELL: tree.bash ? '/bin/bash' : '/bin/sh',
    LANG: 'C.UTF-8',
    PATH: tree.node ? `${path}:${inside.nodeDirectory}` : path,
    NODE_EXTRA_CA_CERTS: `${inside.trust}/ca.pem`,
    ...Object.fromEntries(caBundleVariables.map((name) => [name, inside.bundle])),
    ...(tree.java
      ? {
          JAVA_TOOL_OPTIONS: `-Djavax.net.ssl.trustStore=${inside.trust}/trust.jks -Djavax.net.ssl.trustStorePassword=${javaTrustStorePassword}`,
        }
      : {}),
  };
}
