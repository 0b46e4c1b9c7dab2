import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { tokenOf } from '../contract/exec-wire.ts';
import { StandinError } from '../errors.ts';
import type { SessionView } from '../vault/console-types.ts';
import type { Caller, Vault } from '../vault/types.ts';
import { requireOwnPage, sessionToken } from './cookies.ts';
import { FailureLimit } from './failure-limit.ts';

export interface SandboxAccess {
  sandboxId: string;
  accessToken: string;
}

export interface Authenticator {
  /** Throws `unauthorized`, in the same words whatever was wrong, or `rate_limited`. */
  caller(request: IncomingMessage): Promise<Caller>;
  sandbox(request: IncomingMessage, sandboxId: string | undefined): Promise<SandboxAccess>;
  /** Makes a session of an API key, under the same limit on failures. */
  signIn(request: IncomingMessage, apiKey: string): Promise<{ token: string; view: SessionView }>;
  /** The session of a browser; refuses (`forbidden`) pages that are not ours. */
  session(request: IncomingMessage): Promise<{ caller: Caller; view: SessionView }>;
}

const failures = { burst: 20, perSecond: 0.5, capacity: 10_000 };
const provenCapacity = 4096;
const longestCredential = 1024;
const noKey = 'X-API-Key: is missing, or no key of this server';

/**
 * Failed attempts are limited for each source address. A credential that was right before is judged all the same while
 * its address is held back, so that nobody is locked out by what a neighbour gets wrong.
 */
export function createAuthenticator(vault: Vault, now: () => number = Date.now): Authenticator {
  const limit = new FailureLimit({ ...failures, now });
  // Hashes of credentials that were right; never a reason to accept one.
  const proven = new Set<string>();

  async function judge<Found>(
    attempt: { source: string; credential: string; refusal: string },
    ask: () => Promise<Found | null>,
  ): Promise<Found> {
    const { source, credential, refusal } = attempt;
    const digest = createHash('sha256').update(credential).digest('base64');
    const excused = proven.has(digest);
    const wait = excused ? 0 : await limit.enter(source);
    if (wait > 0) {
      throw new StandinError('rate_limited', 'too many failed attempts from this address', { retryAfter: wait });
    }
    let refund = true;
    try {
      const found = await ask();
      if (found === null) {
        refund = false;
        if (proven.delete(digest) && excused) limit.charge(source);
        throw new StandinError('unauthorized', refusal);
      }
      if (proven.size >= provenCapacity) proven.clear();
      proven.add(digest);
      return found;
    } finally {
      if (!excused) limit.leave(source, { refund });
    }
  }

  function session(request: IncomingMessage, refusal: string): Promise<{ caller: Caller; view: SessionView }> {
    const token = sessionToken(request);
    return judge({ source: sourceOf(request), credential: `session ${token ?? ''}`, refusal }, async () =>
      token === null ? null : await vault.sessions.find(token),
    );
  }

  return {
    signIn(request, apiKey) {
      const refusal = 'api_key: is no key of this server';
      return judge({ source: sourceOf(request), credential: `key ${apiKey}`, refusal }, async () =>
        credentialOf(apiKey) === undefined ? null : await vault.sessions.open(apiKey),
      );
    },

    session(request) {
      requireOwnPage(request);
      return session(request, 'nobody is signed in; sign in with an API key');
    },

    async caller(request) {
      // A key that is given is the one that counts, right or wrong.
      if (request.headers['x-api-key'] === undefined && sessionToken(request) !== null) {
        requireOwnPage(request);
        return (await session(request, noKey)).caller;
      }
      const key = credentialOf(request.headers['x-api-key']);
      return judge({ source: sourceOf(request), credential: `key ${key ?? ''}`, refusal: noKey }, async () =>
        key === undefined ? null : await vault.access.authenticate(key),
      );
    },

    sandbox(request, sandboxId) {
      const token = credentialOf(request.headers['x-access-token']) ?? subprotocolToken(request);
      const refusal =
        'X-Access-Token: is missing, stale or not that of the sandbox which the host name or X-Superserve-Sandbox-Id names';
      const credential = `token ${sandboxId ?? ''} ${token ?? ''}`;
      return judge({ source: sourceOf(request), credential, refusal }, async () => {
        if (token === undefined || sandboxId === undefined) return null;
        const standing = await standingOf(vault, sandboxId, token);
        // Whoever had the right one is no guesser: another client of the same sandbox had it rotated.
        if (standing === 'stale') throw new StandinError('unauthorized', refusal);
        return standing === 'current' ? { sandboxId, accessToken: token } : null;
      });
    },
  };
}

async function standingOf(vault: Vault, sandboxId: string, token: string): Promise<'current' | 'stale' | null> {
  try {
    return await vault.sandboxes.authorize(sandboxId, token);
  } catch (error) {
    if (error instanceof StandinError && error.code === 'unauthorized') return null;
    throw error;
  }
}

function credentialOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' && header.length <= longestCredential ? header : undefined;
}

function subprotocolToken(request: IncomingMessage): string | undefined {
  return credentialOf(tokenOf(request.headers['sec-websocket-protocol'] ?? ''));
}

function sourceOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? '';
}
