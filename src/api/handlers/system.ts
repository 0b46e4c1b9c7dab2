import type { Answer } from '../../contract/operations.ts';
import { StandinError } from '../../errors.ts';
import type { HandlersOf } from '../handler.ts';

/** A setting as `standin config` prints it. */
export interface ConfigEntry {
  name: string;
  flag: string;
  value: string;
  source: Answer<'getConfig'>[number]['source'];
  fallback: string;
  help: string;
}

export interface SystemFacts {
  version: string;
  /** The OpenAPI document. */
  openapi: { openapi: string; [key: string]: unknown };
  /** Rejects where the server cannot do its work. */
  health: () => Promise<void>;
  /** The settings as they stand, credentials redacted. */
  settings?: () => readonly ConfigEntry[];
}

export function systemHandlers(facts: SystemFacts): HandlersOf<'getHealth' | 'getOpenApi' | 'getConfig'> {
  return {
    async getHealth() {
      try {
        await facts.health();
      } catch (cause) {
        throw new StandinError('unavailable', 'the server cannot reach what it needs; its log has more', { cause });
      }
      return { status: 'ok', version: facts.version };
    },
    async getConfig({ caller }) {
      if (!caller.operator) throw new StandinError('forbidden', 'the settings are shown to operator keys');
      const settings = facts.settings?.() ?? [];
      return settings.map(({ name, flag, value, source, fallback, help }) => {
        return { name, flag, current: value, source, default: fallback, help };
      });
    },
    async getOpenApi() {
      return facts.openapi;
    },
  };
}
