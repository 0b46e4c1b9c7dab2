import { badField } from '../errors.ts';
import type { Mount } from '../sandbox/driver.ts';
import { requireEnvKey, requireText } from './text.ts';

/** The fewest and the most seconds. */
export const timeoutSeconds = [1, 604_800] as const;
export const autoDeleteSeconds = [0, 2_592_000] as const;
export const bindingLimit = 64;
const mountLimit = 32;
const metadataLimits = { keys: 64, keyBytes: 256, valueBytes: 2048, totalBytes: 16_384 };
const reservedMetadata = ['superserve.', '_superserve'];

/** The sandbox's own variables and the keys of its stand-ins: proper names, and each in one of the two only. */
export function requireEnvironment(envVars: Record<string, string>, secrets: Record<string, string>): void {
  const keys = Object.keys(secrets);
  if (keys.length > bindingLimit) throw badField('secrets', `takes ${bindingLimit} at most`);
  for (const key of keys) requireEnvKey(`secrets.${key.slice(0, 80)}`, key);
  for (const [key, value] of Object.entries(envVars)) {
    const field = `env_vars.${key.slice(0, 80)}`;
    requireEnvKey(field, key);
    requireText(field, value);
    if (Object.hasOwn(secrets, key)) throw badField(field, 'is in secrets too; a variable takes one of the two');
  }
}

/** Lengths are bytes of UTF-8. */
export function requireMetadata(metadata: Record<string, string>): void {
  const entries = Object.entries(metadata);
  const { keys, keyBytes, valueBytes, totalBytes } = metadataLimits;
  if (entries.length > keys) throw badField('metadata', `takes ${keys} keys at most`);
  let total = 0;
  for (const [key, value] of entries) {
    const field = `metadata.${key.slice(0, 80)}`;
    const [keyLength, valueLength] = [Buffer.byteLength(key), Buffer.byteLength(value)];
    if (keyLength < 1 || keyLength > keyBytes) throw badField(field, `a key is 1 to ${keyBytes} bytes`);
    if (valueLength > valueBytes) throw badField(field, `a value is ${valueBytes} bytes at most`);
    if (reservedMetadata.some((prefix) => key.startsWith(prefix))) {
      throw badField(field, `keys that start with ${reservedMetadata.join(' or ')} are reserved`);
    }
    requireText(field, key);
    requireText(field, value);
    total += keyLength + valueLength;
  }
  if (total > totalBytes) throw badField('metadata', `is ${totalBytes} bytes at most in all, keys and values together`);
}

/** Shape only: which directories may be shared is for the driver to say, who resolves them. */
export function requireMounts(mounts: readonly Mount[]): void {
  if (mounts.length > mountLimit) throw badField('mounts', `takes ${mountLimit} at most`);
  for (const [index, { source, target }] of mounts.entries()) {
    for (const [name, path] of Object.entries({ source, target })) {
      const field = `mounts.${index}.${name}`;
      requireText(field, path);
      if (!path.startsWith('/') || path.split('/').includes('..')) {
        throw badField(field, 'must be an absolute path without ..');
      }
    }
  }
}
