import { randomUUID } from 'node:crypto';
import { hashToken, sameHash } from '../crypto/hash.ts';
import { StandinError } from '../errors.ts';
import { randomCharacters } from '../stand-in.ts';
import type { ApiKeyRecord, Store, TeamRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import { isUuid, notFound, requireLabel } from './text.ts';
import type { AccessService, ApiKeyView, Caller } from './types.ts';

const keyPrefix = 'sk_standin_';
const keyAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const hintLength = keyPrefix.length + 4;
/** A key's `last_used_at` is this coarse, so that a busy key costs one write a minute. */
const touchIntervalMs = 60_000;
const bootstrapTeam = 'default';

export function createAccess({ store, now, logger }: Pick<VaultDeps, 'store' | 'now' | 'logger'>): AccessService {
  const revoking = new Map<string, Promise<void>>();

  async function touch(key: ApiKeyRecord): Promise<void> {
    const at = now();
    if (key.lastUsedAt !== null && at.getTime() - key.lastUsedAt.getTime() < touchIntervalMs) return;
    // Who may come in does not hang on whether the time of it could be noted.
    await store.apiKeys.touch(key.id, at).catch((err: unknown) => logger.warn({ err }, 'use of an API key not noted'));
  }

  async function revoke({ teamId, operator }: Caller, id: string): Promise<void> {
    const live = await store.apiKeys.list(teamId);
    const key = live.find((each) => each.id === id);
    if (key === undefined) throw notFound('API key');
    if (key.operator && !operator) throw new StandinError('forbidden', 'an operator key is revoked by an operator key');
    const others = live.filter((each) => each.id !== id);
    if (others.length === 0 || (key.operator && !others.some((each) => each.operator))) {
      const kind = key.operator ? 'operator key' : 'API key';
      throw new StandinError('conflict', `this is the last live ${kind} of the team; create another first`);
    }
    if (!(await store.apiKeys.revoke(teamId, id, now()))) throw notFound('API key');
  }

  return {
    async authenticate(apiKey) {
      const hash = hashToken(apiKey);
      const key = await store.apiKeys.byHash(hash);
      if (key === null || !sameHash(key.hash, hash) || key.revokedAt !== null) return null;
      await touch(key);
      return { teamId: key.teamId, keyId: key.id, operator: key.operator };
    },

    async createKey(caller, input) {
      const name = requireLabel('name', input.name, 64);
      const operator = input.operator ?? false;
      if (operator && !caller.operator)
        throw new StandinError('forbidden', 'operator: only an operator key makes another');
      const key = freshKey();
      const record = keyRecord(key, { teamId: caller.teamId, name, operator, at: now() });
      await store.apiKeys.insert(record);
      return { key, view: view(record) };
    },

    async listKeys({ teamId }) {
      return (await store.apiKeys.list(teamId)).map(view);
    },

    async revokeKey(caller, id) {
      if (!isUuid(id)) throw notFound('API key');
      // One at a time for each team, so that two revocations cannot take the last two keys.
      const before = revoking.get(caller.teamId) ?? Promise.resolve();
      const mine = before.then(() => revoke(caller, id));
      const settled = mine.catch(() => undefined);
      revoking.set(caller.teamId, settled);
      await mine.finally(() => {
        if (revoking.get(caller.teamId) === settled) revoking.delete(caller.teamId);
      });
    },
  };
}

/**
 * At the first start, and where a start was cut short before there was a key: the team `default` and an operator key,
 * the one given or a fresh one. Answers the key, to be shown once; null where the team has a live key already. A fresh
 * one goes to `keep` before it is stored: whatever fails afterwards, no key is live that nobody knows.
 */
export async function bootstrap(
  { store, now }: Pick<VaultDeps, 'store' | 'now'>,
  givenKey: string | null,
  keep: (madeKey: string) => void = () => undefined,
): Promise<{ apiKey: string } | null> {
  const team = (await store.teams.byName(bootstrapTeam)) ?? (await insertTeam(store, now()));
  if ((await store.apiKeys.list(team.id)).length > 0) return null;
  const apiKey = givenKey ?? freshKey();
  if (givenKey === null) keep(apiKey);
  await store.apiKeys.insert(keyRecord(apiKey, { teamId: team.id, name: 'bootstrap', operator: true, at: now() }));
  return { apiKey };
}

/** Another server that starts on the same database may be first; its team is then the team. */
async function insertTeam(store: Store, createdAt: Date): Promise<TeamRecord> {
  const team = { id: randomUUID(), name: bootstrapTeam, createdAt };
  try {
    await store.teams.insert(team);
    return team;
  } catch (error) {
    const theirs = await store.teams.byName(bootstrapTeam);
    if (theirs === null) throw error;
    return theirs;
  }
}

/** 43 characters of 62: 256 bits. */
function freshKey(): string {
  return keyPrefix + randomCharacters(43, keyAlphabet);
}

function keyRecord(
  key: string,
  { teamId, name, operator, at }: { teamId: string; name: string; operator: boolean; at: Date },
): ApiKeyRecord {
  const hint = key.startsWith(keyPrefix) ? key.slice(0, hintLength) : key.slice(0, 4);
  const times = { createdAt: at, lastUsedAt: null, revokedAt: null };
  return { id: randomUUID(), teamId, name, hash: hashToken(key), hint, operator, ...times };
}

function view({ id, name, hint, operator, createdAt, lastUsedAt }: ApiKeyRecord): ApiKeyView {
  return { id, name, hint, operator, createdAt, lastUsedAt };
}
