import { createSecretKey, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { StartupError } from '../../errors.ts';
import { UnsealError, openBox, sealBox } from '../aead.ts';
import type { KeyProvider } from '../key-provider.ts';
import { readOrCreateKeyFile } from './key-file.ts';

/**
 * Opens the key file at `path`. A missing one is made where `mayCreate`; pass false as soon as anything sealed exists,
 * for then a new key could open none of it. Throws StartupError that says what to do: the file is missing, damaged,
 * another user's, or can be read by others.
 */
export async function openLocalKeyProvider(options: { path: string; mayCreate: boolean }): Promise<KeyProvider> {
  const master = await readOrCreateKeyFile(options);
  try {
    return localKeyProvider(master);
  } finally {
    master.fill(0);
  }
}

/**
 * Refuses a key that is not the one this database knows: `knownKeyId` is what the store kept at the first start.
 * Without this a wrong key file would look like damaged data, one secret at a time.
 */
export function requireKey(provider: KeyProvider, knownKeyId: string): void {
  if (provider.keyId === knownKeyId) return;
  throw new StartupError(
    `wrong key: this database is encrypted under key ${knownKeyId}, the key file holds ${provider.keyId}; ` +
      'put back the key file that belongs to this database, or name the database that belongs to this key',
  );
}

function localKeyProvider(master: Buffer): KeyProvider {
  const derived = derive(master, 'standin local wrapping key', 32);
  // A KeyObject lives outside the JavaScript heap and prints nothing.
  const wrappingKey: KeyObject = createSecretKey(derived);
  derived.fill(0);
  const keyId = `local:${derive(master, 'standin local key id', 16).toString('hex')}`;
  return {
    id: 'local',
    keyId,
    async wrap(dataKey, aad) {
      return { wrappedKey: sealBox(wrappingKey, dataKey, aad), keyId };
    },
    async unwrap(wrappedKey, aad, wantedKeyId) {
      if (wantedKeyId !== keyId) throw new UnsealError(`sealed under key ${wantedKeyId}, but this is key ${keyId}`);
      return openBox(wrappingKey, wrappedKey, aad);
    },
  };
}

/** HKDF-SHA256 (RFC 5869): the id tells nothing of the key, and neither use tells anything of the other. */
function derive(master: Buffer, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), info, length));
}
