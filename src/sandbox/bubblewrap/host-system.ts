import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { etcFiles } from './skeleton.ts';
import { inside } from './inside.ts';

/** What of the host's system a sandbox gets to see, read once. */
export interface HostSystem {
  /** `/bin` and the like, where they are links into /usr. */
  rootLinks: { path: string; target: string }[];
  /** The same where they are directories of their own. */
  rootDirectories: string[];
  /** Of /etc, what programs need and is nobody's secret. */
  etc: string[];
  /** Of /etc, what is made for sandboxes. */
  etcFiles: readonly string[];
  /** Where other distributions keep the trusted roots. */
  otherBundles: string[];
  ipv6: boolean;
  bash: boolean;
  java: boolean;
}

const rootNames = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const etcNames = [
  'alternatives',
  'debian_version',
  'fonts',
  'inputrc',
  'java',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'locale.alias',
  'localtime',
  'lsb-release',
  'magic',
  'magic.mime',
  'mime.types',
  'networks',
  'os-release',
  'perl',
  'protocols',
  'rpc',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
];
const etcPatterns = [/^python3(\.\d+)?$/, /^java-\d+-openjdk$/];

export function readHostSystem(): HostSystem {
  const found = rootNames.filter((path) => existsSync(path));
  const links = found.filter((path) => lstatSync(path).isSymbolicLink());
  const matching = readdirSync('/etc').filter((name) => etcPatterns.some((pattern) => pattern.test(name)));
  // Without the distribution's bundle in it, the directory could not take ours.
  const certs = existsSync(inside.bundle);
  return {
    rootLinks: links.map((path) => ({ path, target: readlinkSync(path) })),
    rootDirectories: found.filter((path) => !links.includes(path)),
    etc: [...etcNames, ...matching]
      .filter((name) => name !== 'ssl/certs' || certs)
      .map((name) => `/etc/${name}`)
      .filter((path) => existsSync(path)),
    etcFiles,
    otherBundles: ['/etc/pki/tls/certs/ca-bundle.crt', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem'].filter(
      (path) => existsSync(path),
    ),
    ipv6: hasIpv6(),
    bash: existsSync('/bin/bash'),
    java: existsSync('/usr/bin/java'),
  };
}

function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', 'utf8').trim() === '0';
  } catch {
    return false;
  }
}
