import { randomBytes } from 'node:crypto';
import type { Envelope, SealedValue } from './crypto/envelope.ts';
import { Secret, exposeSecret } from './crypto/secret.ts';
import { StartupError } from './errors.ts';
import type { Store } from './store/store.ts';

const tokenKeyContext = { purpose: 'token-key', teamId: '', secretId: '', version: 1 };

/** What the first start wrote under this name; writes `value` where this is the first. Two starts at once agree. */
export async function rememberOnce(store: Store, name: string, value: string): Promise<string> {
  return Buffer.from(await store.settings.putIfAbsent(name, Buffer.from(value))).toString('utf8');
}

/** The key that access tokens are derived from: made at the first start, kept sealed. */
export async function loadTokenKey(store: Store, envelope: Envelope): Promise<Secret> {
  const fresh = new Secret(randomBytes(32).toString('base64'));
  const { ciphertext, wrappedKey, keyId } = await envelope.seal(fresh, tokenKeyContext);
  const kept = await rememberOnce(
    store,
    'token-key',
    JSON.stringify({ ciphertext: encode(ciphertext), wrappedKey: encode(wrappedKey), keyId }),
  );
  try {
    const opened = await envelope.open(parseSealed(kept), tokenKeyContext);
    return new Secret(Buffer.from(exposeSecret(opened).toString('latin1'), 'base64'));
  } catch (error) {
    throw new StartupError(
      'the key that access tokens are derived from cannot be opened: the database or the key file is damaged; restore both from one backup',
      { cause: error },
    );
  }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function parseSealed(text: string): SealedValue {
  const { ciphertext, wrappedKey, keyId }: Record<string, unknown> = { ...Object(JSON.parse(text)) };
  if (typeof ciphertext !== 'string' || typeof wrappedKey !== 'string' || typeof keyId !== 'string') {
    throw new TypeError('not a sealed value');
  }
  return { ciphertext: Buffer.from(ciphertext, 'base64'), wrappedKey: Buffer.from(wrappedKey, 'base64'), keyId };
}
