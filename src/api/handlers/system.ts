import { StandinError } from '../../errors.ts';
import type { HandlersOf } from '../handler.ts';

export interface SystemFacts {
  version: string;
  /** The OpenAPI document. */
  openapi: { openapi: string; [key: string]: unknown };
  /** Rejects where the server cannot do its work. */
  health: () => Promise<void>;
}

export function systemHandlers(facts: SystemFacts): HandlersOf<'getHealth' | 'getOpenApi'> {
  return {
    async getHealth() {
      try {
        await facts.health();
      } catch (cause) {
        throw new StandinError('unavailable', 'the server cannot reach what it needs; its log has more', { cause });
      }
      return { status: 'ok', version: facts.version };
    },
    async getOpenApi() {
      return facts.openapi;
    },
  };
}
