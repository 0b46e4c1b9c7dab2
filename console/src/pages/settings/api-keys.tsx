import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { Loading, Tag } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { Code } from '../../ui/copy.tsx';
import { ActionDialog, Dialog } from '../../ui/dialog.tsx';
import { Checkbox, TextField } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Ago } from '../../ui/time.tsx';

type Key = Answer<'listApiKeys'>[number];

export function ApiKeys(): JSX.Element {
  const keys = useLoad(['api-keys'], (signal) => call('listApiKeys', { signal }));
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Key>();
  const [made, setMade] = useState<string>();
  return (
    <section class="stack" aria-labelledby="keys">
      <div class="row spread">
        <div>
          <h2 id="keys">API keys</h2>
          <p class="muted">Of this team. Whoever has one can do all that this page can.</p>
        </div>
        <Button icon="plus" kind="primary" onClick={() => setCreating(true)}>
          New key
        </Button>
      </div>
      <Problem failure={keys.failure} retry={keys.reload} />
      {keys.data === undefined && keys.failure === undefined && <Loading what="keys" />}
      {keys.data !== undefined && (
        <div class="card flush">
          <table class="plain-table">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Begins with</th>
                <th scope="col" class="wide-only">
                  Created
                </th>
                <th scope="col" class="wide-only">
                  Last used
                </th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {keys.data.map((key) => (
                <tr key={key.id}>
                  <td>
                    <span class="row">
                      <strong>{key.name}</strong> {key.operator && <Tag tone="accent">operator</Tag>}
                    </span>
                  </td>
                  <td>
                    <code>{key.hint}…</code>
                  </td>
                  <td class="wide-only">
                    <Ago at={key.created_at} />
                  </td>
                  <td class="wide-only">
                    <Ago at={key.last_used_at} />
                  </td>
                  <td class="end">
                    <Button small kind="danger" onClick={() => setRevoking(key)}>
                      Revoke
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {creating && <CreateKey onMade={setMade} onChanged={keys.reload} onClose={() => setCreating(false)} />}
      {revoking !== undefined && (
        <RevokeKey of={revoking} onChanged={keys.reload} onClose={() => setRevoking(undefined)} />
      )}
      {made !== undefined && (
        <Dialog title="The new key" onClose={() => setMade(undefined)}>
          <p class="warning">Copy it now: only its hash is stored, and it is not shown again.</p>
          <Code text={made} what="the key" wrap />
        </Dialog>
      )}
    </section>
  );
}

function CreateKey(props: { onMade: (key: string) => void; onChanged: () => void; onClose: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [operator, setOperator] = useState(false);
  const create = useAction(async () => {
    const { key } = await call('createApiKey', { body: { name, operator } });
    props.onMade(key);
    props.onChanged();
    return `Made the key ${name}.`;
  });
  return (
    <ActionDialog title="New API key" action={create} verb="Make key" busyText="Making…" onClose={props.onClose}>
      <TextField label="Name" value={name} first placeholder="ci" onInput={setName} hint="What it is for." />
      <Checkbox checked={operator} onInput={setOperator}>
        Operator: may mount the server’s directories into sandboxes and check the audit trail.
      </Checkbox>
    </ActionDialog>
  );
}

function RevokeKey(props: { of: Key; onChanged: () => void; onClose: () => void }): JSX.Element {
  const { id, name } = props.of;
  const revoke = useAction(async () => {
    await call('revokeApiKey', { params: { id } });
    props.onChanged();
    return `Revoked ${name}.`;
  });
  return (
    <ActionDialog
      title={`Revoke ${name}?`}
      action={revoke}
      verb="Revoke key"
      busyText="Revoking…"
      danger
      onClose={props.onClose}
    >
      <p>Programs that use it are refused from the next request on. Sandboxes and their stand-ins go on.</p>
      <p class="muted">If this page was signed in with it, it is signed out.</p>
    </ActionDialog>
  );
}
