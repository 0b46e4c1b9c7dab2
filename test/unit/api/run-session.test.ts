import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { it } from 'node:test';
import { runSession } from '../../../src/api/run-session.ts';
import type { Session } from '../../../src/api/run-session.ts';

/** A command of which nothing is heard, as where its agent was stopped from inside. */
function silentSession(): { session: Session; signals: string[] } {
  const signals: string[] = [];
  const session = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    exit: new Promise<number>(() => undefined),
    signal: (name: string) => void signals.push(name),
    resize: () => undefined,
  };
  return { session, signals };
}

it('a command whose end is never told is out of time all the same, and its streams are given up', async () => {
  const { session, signals } = silentSession();
  const options = { timeoutSeconds: 0.1, signal: new AbortController().signal, sink: () => undefined };
  assert.equal(await runSession(session, options), 124);
  assert.deepEqual(signals, ['SIGKILL']);
  assert.ok(session.stdout.destroyed && session.stderr.destroyed);
});

it('nor is it waited for when whoever started it has gone', async () => {
  const { session } = silentSession();
  const gone = new AbortController();
  const ended = runSession(session, { signal: gone.signal, sink: () => undefined });
  gone.abort();
  assert.equal(await ended, 137);
});
