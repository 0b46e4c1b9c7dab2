import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { Button } from '../../ui/button.tsx';
import { Code } from '../../ui/copy.tsx';
import { Choices } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { stepsFor, targets } from './egress-text.ts';
import type { Egress, Target } from './egress-text.ts';
import type { SandboxDetail } from './sandbox.tsx';

/** Proxy tokens are shown once: those that this page was given, as long as it is open. */
const given = signal<ReadonlyMap<string, Egress>>(new Map());

export function keepEgress(id: string, egress: Egress): void {
  given.value = new Map([...given.value, [id, egress]]);
}

/** What to set where the sandbox is run, ready to copy. */
export function Connect({ sandbox }: { sandbox: SandboxDetail }): JSX.Element {
  const [target, setTarget] = useState<Target>('shell');
  const known = given.value.get(sandbox.id);
  const rotate = useAction(async () => {
    keepEgress(sandbox.id, await call('rotateEgressToken', { params: { id: sandbox.id } }));
    return 'Made a new proxy token; the old one stopped working.';
  });
  return (
    <div class="stack form wide">
      {sandbox.driver !== 'external' && (
        <p class="muted">
          This sandbox runs on the server and is connected already. With these settings a program elsewhere acts as if
          it ran in it.
        </p>
      )}
      {known === undefined ? (
        <div class="warning stack tight">
          <p>
            The proxy token is shown once, as it is made. Below, its place is marked; a new token fills it in, and ends
            the one in use.
          </p>
          <div>
            <Button icon="rotate" busy={rotate.busy} busyText="Making a token…" onClick={() => void rotate.run()}>
              New proxy token
            </Button>
          </div>
        </div>
      ) : (
        <p class="warning">
          Whoever has these lines can use this sandbox’s stand-ins. Copy them now: the token is not shown again.
        </p>
      )}
      <Problem failure={rotate.failure} />
      <Choices label="Where does it run?" bare value={target} options={targets} onInput={setTarget} />
      {stepsFor(target, known ?? sandbox.egress).map(({ title, text }) => (
        <section key={title} class="stack tight">
          <h3>{title}</h3>
          <Code text={text} what={title} />
        </section>
      ))}
      {target !== 'shell' && (
        <p class="muted">
          See to it that the proxy is the only way out there: <code>docs/external-sandboxes.md</code> says how.
        </p>
      )}
    </div>
  );
}
