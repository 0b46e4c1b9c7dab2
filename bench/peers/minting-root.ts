import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerCertificate } from '../../test/support/certificates.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';

const config = `[req]
distinguished_name=subject
prompt=no
x509_extensions=root
[subject]
CN=Throw-away root of a peer
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
`;

/** A root with its key, for a peer that mints certificates with it: RSA, since not all of them take another key. */
export function makeMintingRoot(): ServerCertificate {
  const directory = temporaryDirectory('root');
  const path = (name: string) => join(directory.path, name);
  try {
    writeFileSync(path('cnf'), config);
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', path('key')];
    execFileSync('openssl', ['req', '-x509', '-config', path('cnf'), ...key, '-days', '30', '-out', path('pem')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return { certPem: readFileSync(path('pem'), 'utf8'), keyPem: readFileSync(path('key'), 'utf8') };
  } finally {
    directory.remove();
  }
}
