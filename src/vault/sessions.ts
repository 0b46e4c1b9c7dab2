import { randomBytes } from 'node:crypto';
import { hashToken } from '../crypto/hash.ts';
import type { ApiKeyRecord, SessionRecord, TeamRecord } from '../store/store.ts';
import type { SessionService, SessionView } from './console-types.ts';
import type { VaultDeps } from './deps.ts';
import type { AccessService } from './types.ts';

/** Not used for so long, a session is over; and after so long it is over however much it was used. */
const idleMs = 12 * 60 * 60_000;
const longestMs = 7 * 24 * 60 * 60_000;
/** The end moves in steps, so that a busy page costs a write every few minutes. */
const stepMs = 5 * 60_000;

/**
 * Browsers that are signed in. A session is 256 random bits, of which the store has the hash; it stands for the API key that it
 * was made with, and ends with it.
 */
export function createSessions(
  { store, now, logger }: Pick<VaultDeps, 'store' | 'now' | 'logger'>,
  access: AccessService,
): SessionService {
  async function find(token: string) {
    return await store.sessions.find(hashToken(token), now());
  }

  async function extend({ hash, createdAt, expiresAt }: SessionRecord): Promise<Date> {
    const until = new Date(Math.min(now().getTime() + idleMs, createdAt.getTime() + longestMs));
    if (until.getTime() - expiresAt.getTime() < stepMs) return expiresAt;
    // Who is signed in does not hang on whether that could be noted.
    await store.sessions
      .extend(hash, until)
      .catch((err: unknown) => logger.warn({ err }, 'a session was not extended'));
    return until;
  }

  return {
    async open(apiKey) {
      const caller = await access.authenticate(apiKey);
      if (caller === null) return null;
      const token = randomBytes(32).toString('base64url');
      const createdAt = now();
      await store.sessions.prune(createdAt);
      const expiresAt = new Date(createdAt.getTime() + idleMs);
      await store.sessions.insert({ hash: hashToken(token), keyId: caller.keyId, createdAt, expiresAt });
      const found = await find(token);
      // Null: the key was revoked in between.
      return found === null ? null : { token, view: view(found, expiresAt) };
    },

    async find(token) {
      const found = await find(token);
      if (found === null) return null;
      const { key, session } = found;
      const caller = { teamId: key.teamId, keyId: key.id, operator: key.operator };
      return { caller, view: view(found, await extend(session)) };
    },

    async end(token) {
      await store.sessions.remove(hashToken(token));
    },
  };
}

function view({ key, team }: { key: ApiKeyRecord; team: TeamRecord }, expiresAt: Date): SessionView {
  return {
    team: { id: team.id, name: team.name },
    key: { id: key.id, name: key.name, operator: key.operator },
    expiresAt,
  };
}
