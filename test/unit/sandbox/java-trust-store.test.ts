import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { after, before, it } from 'node:test';
import { javaTrustStore, javaTrustStorePassword } from '../../../src/sandbox/java-trust-store.ts';

let directory: string;
before(() => (directory = mkdtempSync(join(tmpdir(), 'standin-java-'))));
after(() => rmSync(directory, { recursive: true }));

const keytool = '/usr/bin/keytool';
it(
  'is what Java’s own keytool reads, with every certificate',
  { skip: existsSync(keytool) ? false : 'no keytool here' },
  () => {
    const pem = rootCertificates.slice(0, 20).join('\n');
    const path = join(directory, 'trust.jks');
    writeFileSync(path, javaTrustStore(pem));
    const args = ['-list', '-v', '-keystore', path, '-storepass', javaTrustStorePassword];
    const listing = execFileSync(keytool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const found = [...listing.matchAll(/SHA256: ([0-9A-F:]{95})/g)].map((match) => match[1]);
    const put = rootCertificates.slice(0, 20).map((each) => new X509Certificate(each).fingerprint256);
    assert.deepEqual(new Set(found), new Set(put));
    const damaged = readFileSync(path);
    damaged.writeUInt8(damaged.readUInt8(100) ^ 1, 100);
    writeFileSync(path, damaged);
    assert.throws(() => execFileSync(keytool, args, { stdio: 'pipe' }));
  },
);

it('is empty for a bundle without certificates', () => {
  assert.equal(javaTrustStore('no certificate').readUInt32BE(8), 0);
});
