import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { go, link, place } from '../../state/route.ts';
import { PageHead } from '../../ui/bits.tsx';
import { Button, ButtonLink } from '../../ui/button.tsx';
import { Choices, TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { suggestedVariable } from '../secrets/secret-name.ts';
import { useSecretNames } from '../secrets/use-secret-names.ts';
import { BindingRows } from './binding-rows.tsx';
import type { BindingDraft } from './binding-rows.tsx';

interface Draft {
  name: string;
  driver: '' | 'bubblewrap' | 'external';
  bindings: readonly BindingDraft[];
  allowOut: string;
  timeout: string;
}

export function NewSandbox(): JSX.Element {
  const wanted = place.value.query.get('secret');
  const [draft, setDraft] = useState<Draft>({
    name: '',
    driver: '',
    bindings: wanted === null ? [] : [{ envKey: suggestedVariable(wanted), secret: wanted }],
    allowOut: '',
    timeout: '',
  });
  const [wrong, setWrong] = useState<string>();
  const names = useSecretNames();
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));

  const create = useAction(async () => {
    const allowOut = draft.allowOut.split(/[\s,]+/).filter(Boolean);
    const seconds = Math.round(Number(draft.timeout) * 60);
    const { id, name } = await call('createSandbox', {
      body: {
        name: draft.name,
        secrets: Object.fromEntries(draft.bindings.map(({ envKey, secret }) => [envKey, secret])),
        ...(draft.driver === '' ? {} : { driver: draft.driver }),
        ...(allowOut.length === 0 ? {} : { network: { allow_out: allowOut, deny_out: ['0.0.0.0/0', '::/0'] } }),
        ...(draft.timeout === '' ? {} : { timeout_seconds: seconds }),
      },
    });
    go('sandboxes', id, ...(draft.driver === 'external' ? ['connect'] : ['terminal']));
    return `Sandbox ${name} runs.`;
  });

  return (
    <>
      <PageHead
        title="New sandbox"
        from={['Sandboxes', 'sandboxes']}
        about="Its variables hold stand-ins for the secrets that you bind."
      />
      <form
        class="stack loose form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setWrong(draft.name.trim() === '' ? 'Give it a name.' : undefined);
          if (draft.name.trim() !== '') void create.run();
        }}
      >
        <TextField
          label="Name"
          value={draft.name}
          required
          wrong={wrong}
          placeholder="agent-1"
          onInput={(name) => set({ name })}
          hint="1 to 64 characters."
        />
        <BindingRows bindings={draft.bindings} names={names} onChange={(bindings) => set({ bindings })} />
        <Choices
          label="Where does it run?"
          value={draft.driver}
          options={[
            ['', 'As the server is set'],
            ['bubblewrap', 'On the server'],
            ['external', 'Elsewhere'],
          ]}
          onInput={(driver) => set({ driver })}
          hint={
            draft.driver === 'external'
              ? 'In Docker, Kubernetes, CI or your shell: you get the variables to set there.'
              : 'On the server it is isolated with bubblewrap, and the proxy is its only way out.'
          }
        />
        <TextField
          label="Where may it go?"
          value={draft.allowOut}
          mono
          placeholder="anywhere public"
          onInput={(allowOut) => set({ allowOut })}
          hint="Hosts, *.domains or CIDRs with commas between them: then nothing else. Empty: any public address."
        />
        <TextField
          label="Pause after"
          type="number"
          value={draft.timeout}
          placeholder="never"
          onInput={(timeout) => set({ timeout })}
          hint="Minutes of running. A paused sandbox can be resumed."
        />
        <Problem failure={create.failure} />
        <div class="row">
          <Button submit kind="primary" busy={create.busy} busyText="Starting…">
            Start sandbox
          </Button>
          <ButtonLink href={link('sandboxes')} kind="quiet">
            Cancel
          </ButtonLink>
        </div>
      </form>
    </>
  );
}
