import { randomBytes } from 'node:crypto';
import { openBox, sealBox } from './aead.ts';
import { encodeFields } from './fields.ts';
import type { KeyProvider } from './key-provider.ts';
import { Secret, exposeSecret } from './secret.ts';

/** The one place where a sealed value may be opened: a row copied anywhere else stays shut. */
export interface SealContext {
  /** What kind of value it is, such as `secret-value`. */
  purpose: string;
  teamId: string;
  secretId: string;
  version: number;
}

export interface SealedValue {
  ciphertext: Uint8Array;
  wrappedKey: Uint8Array;
  keyId: string;
}

export interface Envelope {
  /** Encrypts under a fresh 256-bit data key, which is kept only as the key provider wrapped it. */
  seal(value: Secret, context: SealContext): Promise<SealedValue>;
  /** Rejects with UnsealError where a bit, the key or any part of the context differs. */
  open(sealed: SealedValue, context: SealContext): Promise<Secret>;
}

/** Envelope encryption over `provider`: AES-256-GCM with associated data that binds purpose, team, secret and version. */
export function createEnvelope(provider: KeyProvider): Envelope {
  return {
    async seal(value, context) {
      const dataKey = randomBytes(32);
      try {
        const ciphertext = sealBox(dataKey, exposeSecret(value), associatedData(context));
        return { ciphertext, ...(await provider.wrap(dataKey, associatedData(context))) };
      } finally {
        dataKey.fill(0);
      }
    },

    async open(sealed, context) {
      const dataKey = await provider.unwrap(sealed.wrappedKey, associatedData(context), sealed.keyId);
      let plaintext: Buffer | undefined;
      try {
        plaintext = openBox(dataKey, sealed.ciphertext, associatedData(context));
        return new Secret(plaintext);
      } finally {
        dataKey.fill(0);
        plaintext?.fill(0);
      }
    },
  };
}

function associatedData({ purpose, teamId, secretId, version }: SealContext): Buffer {
  return encodeFields(['standin', purpose, teamId, secretId, String(version)]);
}
