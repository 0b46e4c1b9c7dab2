import { X509Certificate, createHash } from 'node:crypto';

const magic = 0xfeed_feed;
const trustedCertificate = 2;
export const javaTrustStorePassword = 'changeit';

/**
 * A key store in Java's JKS format that trusts the certificates of a PEM bundle; its password guards nothing, the
 * certificates being public. Format: OpenJDK `sun.security.provider.JavaKeyStore.engineLoad`.
 */
export function javaTrustStore(pem: string): Buffer {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const entries = certificates.map((each, index) => entry(`ca-${index}`, new X509Certificate(each).raw));
  const content = Buffer.concat([uint32(magic), uint32(2), uint32(entries.length), ...entries]);
  const digest = createHash('sha1')
    .update(Buffer.from(javaTrustStorePassword, 'utf16le').swap16())
    .update('Mighty Aphrodite')
    .update(content)
    .digest();
  return Buffer.concat([content, digest]);
}

function entry(alias: string, der: Buffer): Buffer {
  const created = Buffer.alloc(8);
  return Buffer.concat([uint32(trustedCertificate), text(alias), created, text('X.509'), uint32(der.length), der]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `DataOutput.writeUTF`. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
