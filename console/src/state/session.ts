import { signal } from '@preact/signals';
import type { Answer } from '../../../src/contract/operations.ts';
import { call, whenSignedOut } from '../api/call.ts';
import { Failure, failureOf } from '../api/failure.ts';

export type Session = Answer<'getSession'>;

/** Undefined: not asked yet. Null: nobody is signed in. The session itself is in a cookie that no script can read. */
export const session = signal<Session | null | undefined>(undefined);

/** Why nobody could be found to be signed in, where that is not simply so. */
export const sessionFailure = signal<Failure | undefined>(undefined);

/** Asks who is signed in, and from then on notices when nobody is any more. */
export async function findSession(): Promise<void> {
  whenSignedOut(() => {
    session.value = null;
  });
  sessionFailure.value = undefined;
  try {
    session.value = await call('getSession', {});
  } catch (error) {
    const failure = failureOf(error);
    if (failure.status === 401) session.value = null;
    else sessionFailure.value = failure;
  }
}

/** Throws Failure: `unauthorized` where the key is none of this server. */
export async function signIn(apiKey: string): Promise<void> {
  session.value = await call('createSession', { body: { api_key: apiKey } });
}

export async function signOut(): Promise<void> {
  await call('deleteSession', {});
  session.value = null;
}
