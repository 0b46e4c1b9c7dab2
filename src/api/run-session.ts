import type { Vault } from '../vault/types.ts';

export type Session = Awaited<ReturnType<Vault['sandboxes']['exec']>>;

/** Takes a piece of output; no more of that stream is read until it resolves. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>;

/** What a command that ran out of time exits with, as timeout(1) has it. */
const timedOutCode = 124;

/** A command may leave a process behind that holds its output open: after its exit, silence this long is the end. */
const quietMs = 250;

/** A process that was killed has ended within this; where its end is not told, the agent was stopped from inside. */
const killedWithinMs = 2000;
/** What SIGKILL makes a command exit with. */
const killedCode = 137;

/**
 * Sees a command through: output to `sink` as it comes, everything of its process group killed when `timeoutSeconds`
 * are over or `signal` aborts. Resolves with the exit code once all output was taken; rejects where the sandbox went
 * away.
 */
export async function runSession(
  session: Session,
  options: { timeoutSeconds?: number | undefined; signal: AbortSignal; sink: OutputSink },
): Promise<number> {
  const { timeoutSeconds, signal, sink } = options;
  let timedOut = false;
  let exited = false;
  let busy = 0;
  let silence: NodeJS.Timeout | undefined;
  const quiet = Promise.withResolvers<void>();

  const overdue = Promise.withResolvers<number>();
  let patience: NodeJS.Timeout | undefined;
  const kill = () => {
    session.signal('SIGKILL');
    patience ??= setTimeout(() => overdue.resolve(killedCode), killedWithinMs);
  };
  const timer =
    timeoutSeconds === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          kill();
        }, timeoutSeconds * 1000);

  function listen(): void {
    clearTimeout(silence);
    if (exited && busy === 0) silence = setTimeout(() => quiet.resolve(), quietMs);
  }

  async function relay(name: 'stdout' | 'stderr'): Promise<void> {
    for await (const chunk of session[name] as AsyncIterable<Buffer>) {
      busy += 1;
      listen();
      try {
        await sink(name, chunk);
      } finally {
        busy -= 1;
        listen();
      }
    }
  }

  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  const relays = Promise.allSettled([relay('stdout'), relay('stderr')]);
  try {
    const code = await Promise.race([session.exit, overdue.promise]);
    exited = true;
    listen();
    await Promise.race([relays, quiet.promise]);
    return timedOut ? timedOutCode : code;
  } finally {
    clearTimeout(timer);
    clearTimeout(patience);
    clearTimeout(silence);
    signal.removeEventListener('abort', kill);
    session.stdout.destroy();
    session.stderr.destroy();
  }
}
