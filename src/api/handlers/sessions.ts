import type { Answer } from '../../contract/operations.ts';
import type { SessionView } from '../../vault/console-types.ts';
import type { Vault } from '../../vault/types.ts';
import type { Authenticator } from '../authentication.ts';
import { endedCookie, requireOwnPage, sessionCookie, sessionToken } from '../cookies.ts';
import type { HandlersOf } from '../handler.ts';

type Ids = 'createSession' | 'getSession' | 'deleteSession';

export function sessionHandlers({ sessions }: Vault, authenticator: Authenticator): HandlersOf<Ids> {
  return {
    async createSession({ request, body, setHeader }) {
      requireOwnPage(request);
      const { token, view } = await authenticator.signIn(request, body.api_key);
      // Whoever planted a session in this browser does not share the new one, and the old one is of no use any more.
      const before = sessionToken(request);
      if (before !== null) await sessions.end(before);
      setHeader('set-cookie', sessionCookie(request, token));
      return answer(view);
    },

    async getSession({ request }) {
      const { view } = await authenticator.session(request);
      return answer(view);
    },

    async deleteSession({ request, setHeader }) {
      requireOwnPage(request);
      const token = sessionToken(request);
      if (token !== null) await sessions.end(token);
      setHeader('set-cookie', endedCookie(request));
      return undefined;
    },
  };
}

function answer({ team, key, expiresAt }: SessionView): Answer<'getSession'> {
  return { team, key, expires_at: expiresAt.toISOString() };
}
