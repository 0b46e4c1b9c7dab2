import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

/**
 * A throw-away certificate authority, by OpenSSL's own program: what our code verifies was then not made by our code,
 * nor by a library that it uses. Held in memory only.
 */
export interface Authority {
  /** PEM of the root. */
  certPem: string;
  /** A server certificate for `names` (host names, IP addresses or `*.` wildcards). */
  issue(names: string[], options?: { days?: number }): ServerCertificate;
}

export interface ServerCertificate {
  /** PEM. */
  certPem: string;
  /** PEM, PKCS #8, ECDSA P-256. */
  keyPem: string;
}

/** Makes an authority called `commonName`; takes some 20 ms. */
export function makeAuthority(commonName = 'Throw-away test CA'): Authority {
  const root = openssl('root', (run, path) => {
    writeFileSync(path('cnf'), requestConfig(commonName));
    run([
      'req',
      '-x509',
      '-config',
      path('cnf'),
      '-extensions',
      'root',
      ...newKey,
      '-days',
      '30',
      '-keyout',
      path('key'),
      '-out',
      path('pem'),
    ]);
    return { certPem: readFileSync(path('pem'), 'utf8'), keyPem: readFileSync(path('key'), 'utf8') };
  });
  return {
    certPem: root.certPem,
    issue: (names, options = {}) => issue(root, { names, days: options.days ?? 30 }),
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function issue(root: ServerCertificate, leaf: { names: string[]; days: number }): ServerCertificate {
  return openssl('leaf', (run, path) => {
    writeFileSync(path('cnf'), requestConfig(leaf.names[0] ?? 'leaf', leaf.names));
    writeFileSync(path('root.pem'), root.certPem);
    writeFileSync(path('root.key'), root.keyPem, { mode: 0o600 });
    run(['req', '-new', '-config', path('cnf'), ...newKey, '-keyout', path('key'), '-out', path('csr')]);
    const signer = [
      '-CA',
      path('root.pem'),
      '-CAkey',
      path('root.key'),
      '-extfile',
      path('cnf'),
      '-extensions',
      'leaf',
    ];
    run(['x509', '-req', '-in', path('csr'), ...signer, '-days', String(leaf.days), '-out', path('pem')]);
    return { certPem: readFileSync(path('pem'), 'utf8'), keyPem: readFileSync(path('key'), 'utf8') };
  });
}

/** RFC 5280 section 4.2: key identifiers and usages, as a strict verifier wants them. */
function requestConfig(commonName: string, names: string[] = []): string {
  const leaf = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
    `subjectAltName=${names.map(alternativeName).join(',')}`,
  ];
  return [
    '[req]',
    'distinguished_name=subject',
    'prompt=no',
    '[subject]',
    `CN=${commonName}`,
    '[root]',
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
    ...(names.length === 0 ? [] : ['[leaf]', ...leaf]),
    '',
  ].join('\n');
}

function alternativeName(name: string): string {
  return `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`;
}

function openssl<Result>(
  purpose: string,
  work: (run: (args: string[]) => void, path: (name: string) => string) => Result,
): Result {
  const directory = temporaryDirectory(purpose);
  try {
    return work(
      (args) => void execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] }),
      (name) => join(directory.path, name),
    );
  } finally {
    directory.remove();
  }
}
