import type { SecretRecord } from '../store/store.ts';
import type { AuthInput, AuthRule, AuthType } from './types.ts';

const ruleTypes = new Set<unknown>(['bearer', 'basic', 'api-key', 'custom'] satisfies AuthRule['type'][]);

/**
 * A secret's rule as this room wrote it, after `resolveAuth` or `resolveProvider`. Throws on what it would not have
 * written, so that a row that was tampered with, or comes from a newer version, sends nothing anywhere.
 */
export function storedAuth({ id, authConfig }: SecretRecord): { authType: AuthType; authConfig: AuthInput } {
  if (isRule(authConfig)) return { authType: authConfig.type, authConfig };
  if (isPerHost(authConfig)) return { authType: 'per_host', authConfig };
  throw new Error(`the stored rule of secret ${id} is not understood`);
}

function isPerHost(config: unknown): config is Extract<AuthInput, { per_host: unknown }> {
  if (typeof config !== 'object' || config === null || !('per_host' in config)) return false;
  return Array.isArray(config.per_host) && config.per_host.every((each) => isRule(each) && 'hosts' in each);
}

function isRule(config: unknown): config is AuthRule {
  return typeof config === 'object' && config !== null && 'type' in config && ruleTypes.has(config.type);
}
