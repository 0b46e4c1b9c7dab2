import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { link } from '../../state/route.ts';
import { Empty, Tag } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { ActionDialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import { suggestedVariable } from '../secrets/secret-name.ts';
import { useSecretNames } from '../secrets/use-secret-names.ts';
import type { SandboxDetail } from './sandbox.tsx';

interface SecretsProps {
  sandbox: SandboxDetail;
  onChanged: () => void;
}

/** Which secret stands in which variable; bound and unbound while the sandbox runs. */
export function SandboxSecrets({ sandbox, onChanged }: SecretsProps): JSX.Element {
  const [attaching, setAttaching] = useState(false);
  const [detaching, setDetaching] = useState<string>();
  const attach = (
    <Button kind="primary" icon="link" onClick={() => setAttaching(true)}>
      Bind a secret
    </Button>
  );
  return (
    <div class="stack">
      {sandbox.secrets.length === 0 ? (
        <Empty icon="key" title="No secret is bound">
          <p>Bind one to a variable, and processes started from then on find its stand-in there.</p>
          {attach}
        </Empty>
      ) : (
        <>
          <div class="row spread">
            <p class="muted">
              The variable holds the stand-in: worthless anywhere but in its own place, to its own hosts.
            </p>
            {attach}
          </div>
          <div class="card flush">
            <table class="plain-table">
              <thead>
                <tr>
                  <th scope="col">Variable</th>
                  <th scope="col">Secret</th>
                  <th scope="col" class="wide-only">
                    Stand-in
                  </th>
                  <th scope="col">
                    <span class="visually-hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {sandbox.secrets.map(({ env_key: key, secret_name: secret, revoked }) => (
                  <tr key={key}>
                    <td>
                      <code>{key}</code>
                    </td>
                    <td>
                      {revoked ? (
                        <span class="row">
                          {secret} <Tag tone="bad">revoked</Tag>
                        </span>
                      ) : (
                        <a href={link('secrets', secret)}>{secret}</a>
                      )}
                    </td>
                    <td class="wide-only">
                      <StandIn text={sandbox.egress.env[key]} name={key} />
                    </td>
                    <td class="end">
                      <Button small kind="danger" onClick={() => setDetaching(key)}>
                        {revoked ? 'Remove' : 'Detach'}
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      {attaching && <Attach sandbox={sandbox} onChanged={onChanged} onClose={() => setAttaching(false)} />}
      {detaching !== undefined && (
        <Detach sandbox={sandbox} envKey={detaching} onChanged={onChanged} onClose={() => setDetaching(undefined)} />
      )}
    </div>
  );
}

function StandIn({ text, name }: { text: string | undefined; name: string }): JSX.Element {
  if (text === undefined) return <span class="muted">–</span>;
  return (
    <span class="row nowrap">
      <code class="clip stand-in">{text}</code>
      <CopyButton text={text} what={`the stand-in of ${name}`} />
    </span>
  );
}

function Attach({ sandbox, onChanged, onClose }: SecretsProps & { onClose: () => void }): JSX.Element {
  const names = useSecretNames();
  const [secret, setSecret] = useState('');
  const [envKey, setEnvKey] = useState('');
  const attach = useAction(async () => {
    const body = { env_key: envKey, secret_name: secret };
    await call('attachSecret', { params: { id: sandbox.id }, body });
    onChanged();
    return `Bound ${secret} to ${envKey}. Processes started from now on see its stand-in.`;
  });
  return (
    <ActionDialog title="Bind a secret" action={attach} verb="Bind" busyText="Binding…" onClose={onClose}>
      <TextField
        label="Secret"
        value={secret}
        mono
        first
        list={names}
        onInput={(name) => {
          if (envKey === suggestedVariable(secret)) setEnvKey(suggestedVariable(name));
          setSecret(name);
        }}
      />
      <TextField
        label="Variable"
        value={envKey}
        mono
        placeholder="ANTHROPIC_API_KEY"
        onInput={setEnvKey}
        hint="The name that the program in the sandbox looks for."
      />
    </ActionDialog>
  );
}

function Detach(props: SecretsProps & { envKey: string; onClose: () => void }): JSX.Element {
  const { sandbox, envKey } = props;
  const detach = useAction(async () => {
    await call('detachSecret', { params: { id: sandbox.id, env_key: envKey } });
    props.onChanged();
    return `Detached ${envKey}: its stand-in stopped working.`;
  });
  return (
    <ActionDialog
      title={`Detach ${envKey}?`}
      action={detach}
      verb="Detach"
      busyText="Detaching…"
      danger
      onClose={props.onClose}
    >
      <p>
        Requests of <strong>{sandbox.name}</strong> that carry its stand-in are refused from then on, those of processes
        that run too.
      </p>
    </ActionDialog>
  );
}
