// @peculiar/x509 resolves its parts through decorators and wants this polyfill before it.
import 'reflect-metadata';
import {
  X509Certificate as ParsedCertificate,
  createHash,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  webcrypto,
} from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { StartupError } from '../../errors.ts';
import type { LeafCertificate } from '../ports.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const hour = 3_600_000;
const day = 24 * hour;
const caLifetime = 3650 * day;
/** Short, so that a leaked leaf key is soon worth nothing; long enough for a week's offline clock. */
const leafLifetime = 7 * day;
/** A client whose clock is behind must still find the leaf valid. */
const clockSkew = day;
const maxLeaves = 10_000;

/** What every leaf has in common. */
interface Issuer {
  certificate: X509Certificate;
  key: webcrypto.CryptoKey;
  /** One key for all leaves: making one takes longer than signing. */
  leafKeys: webcrypto.CryptoKeyPair;
  leafKeyPem: string;
  keyIdentifiers: [SubjectKeyIdentifierExtension, AuthorityKeyIdentifierExtension];
  now: () => number;
}

/**
 * The certificate authority that sandboxes trust: made at the first start, kept in the data directory, the same after a
 * restart. It lives in the main process alone; workers are handed leaves.
 */
export class Authority {
  readonly pem: string;
  readonly fingerprint: string;
  readonly #issuer: Issuer;
  readonly #leaves = new Map<string, { leaf: Promise<LeafCertificate>; renewAt: number }>();

  private constructor(issuer: Issuer) {
    this.#issuer = issuer;
    this.pem = `${issuer.certificate.toString('pem').trim()}\n`;
    this.fingerprint = createHash('sha256').update(Buffer.from(issuer.certificate.rawData)).digest('hex');
  }

  /**
   * Opens `ca.pem` and `ca-key.pem` in `directory`. Makes them where `mayCreate` and there is no certificate, with the
   * key that a start which was cut short has left; otherwise a missing, unreadable or mismatched file is a
   * StartupError, since a new authority would break every sandbox that trusts the old one. `now`: milliseconds since
   * the epoch.
   */
  static async open(directory: string, options: { mayCreate: boolean; now?: () => number }): Promise<Authority> {
    const { mayCreate, now = Date.now } = options;
    const certificatePath = join(directory, 'ca.pem');
    const keyPath = join(directory, 'ca-key.pem');
    if (mayCreate && !existsSync(certificatePath)) await makeAuthority({ certificatePath, keyPath, now: now() });
    const missing = [certificatePath, keyPath].find((path) => !existsSync(path));
    if (missing !== undefined) {
      throw new StartupError(
        `${missing} is missing, but this server has had a certificate authority that sandboxes trust: restore ca.pem and ca-key.pem from a backup`,
      );
    }
    if ((statSync(keyPath).mode & 0o077) !== 0) {
      throw new StartupError(`${keyPath} can be read by others: run chmod 600 ${keyPath}`);
    }
    try {
      return new Authority(await readIssuer(readFileSync(certificatePath, 'utf8'), readFileSync(keyPath, 'utf8'), now));
    } catch (error) {
      throw new StartupError(
        `the certificate authority in ${directory} cannot be used (${error instanceof Error ? error.message : 'unknown'}): restore ca.pem and ca-key.pem from a backup`,
        { cause: error },
      );
    }
  }

  /**
   * A certificate for one name or address: exactly that, no wildcard. Cached, and renewed when a third of its lifetime
   * is left.
   */
  leaf(host: string): Promise<LeafCertificate> {
    const now = this.#issuer.now();
    const cached = this.#leaves.get(host);
    if (cached !== undefined && cached.renewAt > now) return cached.leaf;
    const leaf = this.#mint(host, now);
    if (this.#leaves.size >= maxLeaves) {
      const oldest = this.#leaves.keys().next();
      if (oldest.done !== true) this.#leaves.delete(oldest.value);
    }
    this.#leaves.set(host, { leaf, renewAt: now + (leafLifetime * 2) / 3 });
    leaf.catch(() => this.#leaves.delete(host));
    return leaf;
  }

  async #mint(host: string, now: number): Promise<LeafCertificate> {
    const { certificate: issuer, key, leafKeys, leafKeyPem, keyIdentifiers } = this.#issuer;
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      // RFC 5280 4.2.1.6: with an empty subject the alternative name must be critical. A CN would be cut at 64 bytes.
      subject: '',
      issuer: issuer.subjectName,
      notBefore: wholeSeconds(Math.max(now - clockSkew, issuer.notBefore.getTime())),
      notAfter: wholeSeconds(Math.min(now + leafLifetime, issuer.notAfter.getTime())),
      signingAlgorithm: algorithm,
      signingKey: key,
      publicKey: leafKeys.publicKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth], false),
        new SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }], true),
        ...keyIdentifiers,
      ],
    });
    return {
      cert: `${leaf.toString('pem').trim()}\n${this.pem}`,
      key: leafKeyPem,
      notAfter: leaf.notAfter.getTime(),
    };
  }
}

/** Throws where the two do not belong together, or the certificate has expired. */
async function readIssuer(certificatePem: string, keyPem: string, now: () => number): Promise<Issuer> {
  const certificate = new X509Certificate(certificatePem);
  if (!new ParsedCertificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem))) {
    throw new Error('the key does not belong to the certificate');
  }
  if (certificate.notAfter.getTime() < now()) throw new Error('the certificate has expired');
  const leafKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return {
    certificate,
    key: await importKey(keyPem),
    leafKeys,
    leafKeyPem: await exportKey(leafKeys.privateKey),
    keyIdentifiers: [
      await SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
      await AuthorityKeyIdentifierExtension.create(certificate.publicKey),
    ],
    now,
  };
}

async function makeAuthority(input: { certificatePath: string; keyPath: string; now: number }): Promise<void> {
  const { certificatePath, keyPath, now } = input;
  // The key first: a certificate without a key would be an authority that is lost from its first day.
  if (!existsSync(keyPath)) writeOnce(keyPath, await makeKey(), 0o600);
  const keyPem = readFileSync(keyPath, 'utf8');
  const publicKey = await importPublicKey(keyPem);
  // The suffix keeps two installations on one machine apart in a trust store.
  const name = `O=Standin,CN=Standin CA ${randomBytes(4).toString('hex')}`;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: name,
    issuer: name,
    notBefore: wholeSeconds(now - clockSkew),
    notAfter: wholeSeconds(now + caLifetime),
    signingAlgorithm: algorithm,
    signingKey: await importKey(keyPem),
    publicKey,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  writeOnce(certificatePath, `${certificate.toString('pem').trim()}\n`, 0o644);
}

/** RFC 5280 4.1.2.2: positive, at most 20 octets, unique; minimal DER wants the first bit clear and a first octet ≠ 0. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Certificates carry whole seconds; a fraction would round differently in `notAfter` and in the renewal. */
function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
}

async function makeKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return exportKey(privateKey);
}

async function importPublicKey(privateKeyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(privateKeyPem).export({ format: 'der', type: 'spki' });
  return webcrypto.subtle.importKey('spki', new Uint8Array(der), algorithm, true, ['verify']);
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
}

/** Whole or not at all: written aside, synced, then linked to its name, which fails where another start was first. */
function writeOnce(path: string, text: string, mode: number): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(aside, 'wx', mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(aside, path);
  } finally {
    unlinkSync(aside);
  }
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}
