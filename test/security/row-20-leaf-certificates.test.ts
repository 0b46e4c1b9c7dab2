import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Authority } from '../../src/egress/tls/authority.ts';
import { LeafContexts } from '../../src/egress/tls/contexts.ts';
import { StartupError } from '../../src/errors.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { openTunnel } from '../support/proxy-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const sampleSize = 10_000;
/** On a busy machine fewer are made, but no fewer than a fifth. */
const sampleMs = 25_000;
const day = 24 * 3_600_000;
const directory = temporaryDirectory('row-20');
after(() => directory.remove());

let authority: Authority;
before(async () => {
  authority = await Authority.open(directory.path, { mayCreate: true });
});

/** Names of every kind that a client may ask for, each once. */
function sampleNames(): string[] {
  const long = `${`${'l'.repeat(63)}.`.repeat(3)}${'m'.repeat(59)}.io`;
  const kinds = [
    (n: number) => `host-${n}.example.com`,
    (n: number) => `xn--bcher-kva.n${n}.example`,
    (n: number) => `${n}.${'deep.'.repeat(20)}example.org`,
    (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
    (n: number) => `2001:db8::${n.toString(16)}`,
  ];
  const names = Array.from({ length: sampleSize - 1 }, (_, n) => kinds[n % kinds.length]?.(n) ?? '');
  return [long, ...names];
}

/** `openssl verify` on PEM files: throws with its words where it does not take one. */
async function opensslVerify(files: string[], ...options: string[]): Promise<string> {
  const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(directory.path, 'ca.pem')];
  const { stdout } = await run('openssl', [...args, ...options, ...files], { maxBuffer: 16 << 20 });
  return stdout;
}

/** Only the leaf of a leaf and its CA. */
function firstPem(chain: string): string {
  return `${chain.split('-----END CERTIFICATE-----')[0] ?? ''}-----END CERTIFICATE-----\n`;
}

test(`up to ${sampleSize} leaves are taken by OpenSSL's strict check, and each is for its name alone`, async () => {
  const serials = new Set<string>();
  const batch: string[] = [];
  let made = 0;
  mkdirSync(join(directory.path, 'leaves'));
  const until = performance.now() + sampleMs;
  for (const name of sampleNames()) {
    const pem = firstPem((await authority.leaf(name)).cert);
    const certificate = new X509Certificate(pem);
    const expected = isIP(name) === 0 ? `DNS:${name}` : `IP Address:${canonical(name)}`;
    assert.equal(certificate.subjectAltName, expected);
    // RFC 5280 section 4.1.2.2: a positive integer of at most 20 octets, unique.
    assert.match(certificate.serialNumber, /^[0-7][0-9A-F]{1,39}$/);
    serials.add(certificate.serialNumber);
    const file = join(directory.path, 'leaves', `${batch.length}.pem`);
    writeFileSync(file, pem);
    batch.push(file);
    made += 1;
    if (batch.length < 1000) continue;
    const verdict = await opensslVerify(batch);
    assert.equal(verdict.match(/: OK$/gm)?.length, batch.length);
    batch.length = 0;
    if (made >= sampleSize / 5 && performance.now() > until) break;
  }
  assert.equal(batch.length, 0, 'all were verified');
  assert.equal(serials.size, made, 'no serial number comes twice');
});

function canonical(address: string): string {
  if (isIP(address) === 4) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = [...head.split(':'), ...Array.from({ length: 5 }, () => '0'), tail];
  return groups.map((group) => group.replace(/^0+(?=.)/, '').toUpperCase()).join(':');
}

test('a leaf names its key and that of its issuer, and what it may be used for', async () => {
  const file = join(directory.path, 'leaf.pem');
  writeFileSync(file, firstPem((await authority.leaf('api.example.com')).cert));
  const text = async (path: string) => (await run('openssl', ['x509', '-noout', '-text', '-in', path])).stdout;
  const leaf = await text(file);
  const issuer = await text(join(directory.path, 'ca.pem'));
  const identifier = (printed: string, name: string) =>
    new RegExp(`${name} Key Identifier:\\s*(?:keyid:)?([0-9A-F:]{59})\\s`).exec(printed)?.[1];
  assert.ok(identifier(leaf, 'Authority') !== undefined);
  assert.equal(identifier(leaf, 'Authority'), identifier(issuer, 'Subject'));
  assert.ok(identifier(leaf, 'Subject') !== undefined);
  assert.notEqual(identifier(leaf, 'Subject'), identifier(issuer, 'Subject'));
  assert.match(leaf, /Basic Constraints: critical\s+CA:FALSE/);
  assert.match(leaf, /Key Usage: critical\s+Digital Signature\n/);
  assert.match(leaf, /Extended Key Usage:\s+TLS Web Server Authentication\n/);
  assert.match(issuer, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  assert.match(issuer, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
});

test('a leaf is good for its own name or address and for nothing beside it', async () => {
  const own = { 'api.example.com': '-verify_hostname', '192.0.2.7': '-verify_ip', '2001:db8::7': '-verify_ip' };
  for (const [name, option] of Object.entries(own)) {
    const file = join(directory.path, 'own.pem');
    writeFileSync(file, firstPem((await authority.leaf(name)).cert));
    await opensslVerify([file], option, name);
    for (const other of ['example.com', 'x.api.example.com', 'other.example.com']) {
      await assert.rejects(opensslVerify([file], '-verify_hostname', other), other);
    }
    await assert.rejects(opensslVerify([file], '-verify_ip', '192.0.2.8'));
  }
});

test('a client whose clock is a day behind takes the leaf and the CA; a week ahead it does not', async () => {
  const file = join(directory.path, 'clock.pem');
  writeFileSync(file, firstPem((await authority.leaf('clock.example.com')).cert));
  const at = (offset: number) => ['-attime', String(Math.floor((Date.now() + offset) / 1000))];
  await opensslVerify([file], ...at(-day + 60_000));
  await opensslVerify([file], ...at(6 * day));
  await assert.rejects(opensslVerify([file], ...at(8 * day)), 'it runs out');
});

test('a leaf is renewed before it runs out, and not at each use', async () => {
  let now = Date.now();
  const aging = await Authority.open(directory.path, { mayCreate: false, now: () => now });
  const first = await aging.leaf('api.example.com');
  now += 4 * day;
  assert.equal(await aging.leaf('api.example.com'), first);
  now += day;
  const second = await aging.leaf('api.example.com');
  assert.notEqual(second.cert, first.cert);
  assert.ok(first.notAfter > now, 'the first was still good');
  assert.equal(second.notAfter, Math.floor((now + 7 * day) / 1000) * 1000);
});

test('a worker asks for a new leaf before its own runs out, and once for many connections', async () => {
  let now = Date.now();
  let asked = 0;
  const aging = await Authority.open(directory.path, { mayCreate: false, now: () => now });
  const leaf = (host: string) => {
    asked += 1;
    return aging.leaf(host);
  };
  const contexts = new LeafContexts({ leaf }, () => now);
  const [first, same] = await Promise.all([contexts.load('api.example.com'), contexts.load('api.example.com')]);
  assert.equal(first, same);
  assert.equal(contexts.get('api.example.com'), first);
  assert.equal(contexts.get('other.example.com'), undefined);
  assert.equal(asked, 1);
  now += 6.5 * day;
  assert.equal(contexts.get('api.example.com'), undefined);
  assert.notEqual(await contexts.load('api.example.com'), first);
  assert.equal(asked, 2);
});

test('a leaf does not outlive its CA', async () => {
  const late = Date.now() + 3648 * day;
  const old = await Authority.open(directory.path, { mayCreate: false, now: () => late });
  const { cert, notAfter } = await old.leaf('api.example.com');
  assert.equal(notAfter, new X509Certificate(authority.pem).validToDate.getTime());
  assert.ok(new X509Certificate(cert).validToDate.getTime() === notAfter);
});

test('after a restart the CA is the same, and a lost, open or foreign key is no reason to make another', async () => {
  const again = await Authority.open(directory.path, { mayCreate: false });
  assert.equal(again.pem, authority.pem);
  assert.equal(again.fingerprint, authority.fingerprint);

  const copy = temporaryDirectory('row-20-copy');
  const foreign = temporaryDirectory('row-20-foreign');
  try {
    await Authority.open(foreign.path, { mayCreate: true });
    const [certificate, key] = [join(copy.path, 'ca.pem'), join(copy.path, 'ca-key.pem')];
    const open = () => Authority.open(copy.path, { mayCreate: false });
    copyFileSync(join(directory.path, 'ca.pem'), certificate);
    await assert.rejects(open, StartupError, 'the key is missing');
    copyFileSync(join(foreign.path, 'ca-key.pem'), key);
    chmodSync(key, 0o600);
    await assert.rejects(open, /key does not belong to the certificate/);
    copyFileSync(join(directory.path, 'ca-key.pem'), key);
    chmodSync(key, 0o640);
    await assert.rejects(open, /can be read by others/);
    chmodSync(key, 0o600);
    assert.equal((await open()).fingerprint, authority.fingerprint);
    unlinkSync(certificate);
    await assert.rejects(open, StartupError, 'the certificate is missing');
    assert.equal(statSync(join(directory.path, 'ca-key.pem')).mode & 0o777, 0o600);
  } finally {
    copy.remove();
    foreign.remove();
  }
});

describe('through the proxy', () => {
  const host = 'api.example.com';
  let rig: EgressRig;
  let sandbox: RigSandbox;

  before(async () => {
    rig = await startEgressRig({ names: [host] });
    sandbox = await rig.sandbox();
  });
  after(() => rig?.stop());

  /** The certificate that a client is shown in a tunnel to `to`; null where the handshake is refused. */
  async function shownTo(to: string, servername: string | undefined): Promise<X509Certificate | null> {
    const socket = await openTunnel(sandbox.access, to);
    return shown(socket, servername);
  }

  function shown(socket: Socket, servername: string | undefined): Promise<X509Certificate | null> {
    const options = { socket, rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }) };
    return new Promise((resolve) => {
      const tls = connectTls(options, () => {
        resolve(tls.getPeerX509Certificate() ?? null);
        tls.destroy();
      });
      tls.once('error', () => resolve(null));
    });
  }

  test('the certificate is for the name in the ClientHello, and for no name that was not asked for', async () => {
    const certificate = await shownTo(`${host}:443`, host);
    assert.equal(certificate?.subjectAltName, `DNS:${host}`);
    assert.ok(certificate.checkIssued(new X509Certificate(sandbox.ca)));
    // RFC 6066 section 3 compares names without regard to case.
    assert.equal((await shownTo(`${host}:443`, 'API.Example.COM'))?.subjectAltName, `DNS:${host}`);
  });

  test('without a name in the ClientHello it is for the host of CONNECT, a name or an address', async () => {
    assert.equal((await shownTo(`${host}:443`, undefined))?.subjectAltName, `DNS:${host}`);
    assert.equal((await shownTo('93.184.216.34:443', undefined))?.subjectAltName, 'IP Address:93.184.216.34');
    const six = await shownTo('[2606:2800:21f::1]:443', undefined);
    assert.equal(six?.subjectAltName, 'IP Address:2606:2800:21F:0:0:0:0:1');
  });

  test('a ClientHello whose name is none gets no certificate', async () => {
    for (const name of ['*.example.com', 'a..example.com', 'api.example.com/', `${'a'.repeat(64)}.example.com`]) {
      assert.equal(await shownTo(`${host}:443`, name), null, name);
    }
  });
});
