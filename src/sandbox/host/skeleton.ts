import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { javaTrustStore } from '../java-trust-store.ts';
import { resolverAddress } from './inside.ts';

const etc = {
  passwd:
    'root:x:0:0:root:/root:/usr/sbin/nologin\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n',
  hostname: 'standin\n',
  hosts: '127.0.0.1 localhost standin\n::1 localhost\n',
  'resolv.conf': `nameserver ${resolverAddress}\n`,
  'nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nprotocols: files\nservices: files\n',
};

/** Other content has another one. */
export const etcDigest = JSON.stringify(etc);

/** Files of /etc that are made for sandboxes. */
export const etcFiles: readonly string[] = Object.keys(etc);

/** Writes the made files of /etc into a directory. They hold nothing private: a sandbox's user must read them. */
export function writeEtc(directory: string): void {
  makeReadableDirectory(directory);
  for (const [name, text] of Object.entries(etc)) writeReadable(join(directory, name), text);
}

/** The same for the same certificates, and for no others. */
export function trustKey({ caBundlePem, caPem }: { caBundlePem: string; caPem: string }): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([caBundlePem, caPem]))
    .digest('hex');
  return `trust-${hash.slice(0, 32)}`;
}

/** Writes what a sandbox trusts: `bundle.pem`, `ca.pem` and `trust.jks` in a directory. */
export function writeTrust(directory: string, trust: { caBundlePem: string; caPem: string }): void {
  makeReadableDirectory(directory);
  writeReadable(join(directory, 'bundle.pem'), trust.caBundlePem);
  writeReadable(join(directory, 'ca.pem'), trust.caPem);
  writeReadable(join(directory, 'trust.jks'), javaTrustStore(trust.caBundlePem));
}

/** Whatever the umask. */
export function makeReadableDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

export function writeReadable(path: string, content: string | Buffer): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644);
}
