import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure } from '../../api/failure.ts';
import { Empty, Loading } from '../../ui/bits.tsx';
import { Problem } from '../../ui/problem.tsx';
import type { SandboxDetail } from './sandbox.tsx';

export interface ScreenProps {
  sandbox: Pick<SandboxDetail, 'id' | 'access_token' | 'name'>;
}

/** The terminal's code is fetched when a terminal is first opened. */
export function SandboxTerminal({ sandbox }: { sandbox: SandboxDetail }): JSX.Element {
  const [Screen, setScreen] = useState<ComponentType<ScreenProps>>();
  const [failure, setFailure] = useState<Failure>();
  useEffect(() => {
    import('./terminal-screen.tsx')
      .then(({ TerminalScreen }) => setScreen(() => TerminalScreen))
      .catch(() => setFailure(new Failure('unreachable', 'The terminal could not be loaded.', { status: 0 })));
  }, []);
  if (failure !== undefined) return <Problem failure={failure} />;
  if (sandbox.status !== 'active') {
    return (
      <Empty icon="terminal" title={`The sandbox is ${sandbox.status}`}>
        <p>A terminal needs it to run. Resume it above.</p>
      </Empty>
    );
  }
  if (Screen === undefined) return <Loading what="the terminal" />;
  // The poll of the page brings the same sandbox again; only another one begins a new session.
  return <Screen key={sandbox.id} sandbox={sandbox} />;
}
