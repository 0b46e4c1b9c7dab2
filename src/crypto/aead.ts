import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const formatVersion = 1;
const nonceLength = 12;
const tagLength = 16;
/** Bytes that a sealed box has beside its plaintext. */
const boxOverhead = 1 + nonceLength + tagLength;

/** Ciphertext that does not belong to this key and place, or was altered. Says nothing of what it held. */
export class UnsealError extends Error {
  constructor(message = 'sealed data does not open: it was altered, or belongs to another key or place') {
    super(message);
    this.name = 'UnsealError';
  }
}

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: `format (1) | nonce (12) | ciphertext | tag (16)`. A key may
 * seal 2^32 boxes before chance nonces become a concern (section 8.3); ours seal one (data keys) or one a rotation.
 */
export function sealBox(key: KeyObject | Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagLength });
  cipher.setAAD(aad);
  const body = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([Buffer.of(formatVersion), nonce, body, cipher.getAuthTag()]);
}

/** The plaintext, in a buffer that the caller wipes. Throws UnsealError where key, `aad` or a single bit differ. */
export function openBox(key: KeyObject | Uint8Array, box: Uint8Array, aad: Uint8Array): Buffer {
  if (box.length < boxOverhead || box[0] !== formatVersion) throw new UnsealError();
  const tagStart = box.length - tagLength;
  const decipher = createDecipheriv(algorithm, key, box.subarray(1, 1 + nonceLength), { authTagLength: tagLength });
  decipher.setAAD(aad);
  decipher.setAuthTag(box.subarray(tagStart));
  const plaintext = decipher.update(box.subarray(1 + nonceLength, tagStart));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    throw new UnsealError();
  }
}
