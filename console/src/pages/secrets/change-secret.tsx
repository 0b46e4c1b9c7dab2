import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { Loading, plural } from '../../ui/bits.tsx';
import { ActionDialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretField } from '../../ui/secret-field.tsx';
import type { SecretInput } from '../../ui/secret-field.tsx';

interface ChangeProps {
  name: string;
  onDone: () => void;
  onClose: () => void;
}

/** A new value in place of the old one. */
export function RotateSecret({ name, onDone, onClose }: ChangeProps): JSX.Element {
  const value = useRef<SecretInput>(null);
  const [wrong, setWrong] = useState<string>();
  const rotate = useAction(async () => {
    await call('rotateSecret', { params: { name }, body: { value: value.current?.take() ?? '' } });
    onDone();
    return `Rotated ${name}. The next request uses the new value.`;
  });
  const check = () => {
    const empty = value.current?.isEmpty() ?? true;
    setWrong(empty ? 'Type or paste the new value.' : undefined);
    if (empty) value.current?.focus();
    return !empty;
  };
  return (
    <ActionDialog
      title={`Rotate ${name}`}
      action={rotate}
      check={check}
      verb="Rotate"
      busyText="Rotating…"
      onClose={onClose}
    >
      <p class="muted">
        Sandboxes keep their stand-ins; nothing in them changes. The old value is erased, and the next request goes out
        with the new one.
      </p>
      <SecretField label="New value" handle={value} wrong={wrong} first />
    </ActionDialog>
  );
}

/** Says which sandboxes lose it before it is gone. */
export function DeleteSecret({ name, onDone, onClose }: ChangeProps): JSX.Element {
  const bound = useLoad(['bound', name], (signal) => call('getSecretSandboxes', { params: { name }, signal }));
  const remove = useAction(async () => {
    await call('deleteSecret', { params: { name } });
    onDone();
    return `Deleted ${name}. Its stand-ins stopped working; its audit history stays.`;
  });
  const hit = bound.data;
  return (
    <ActionDialog
      title={`Delete ${name}?`}
      action={remove}
      verb="Delete secret"
      busyText="Deleting…"
      danger
      onClose={onClose}
    >
      {hit === undefined && bound.failure === undefined && <Loading what="its sandboxes" />}
      <Problem failure={bound.failure} retry={bound.reload} />
      {hit?.length === 0 && <p>No sandbox holds a stand-in for it.</p>}
      {hit !== undefined && hit.length > 0 && (
        <div class="warning stack tight">
          <p>
            <strong>{plural(hit.length, 'sandbox loses', 'sandboxes lose')} it at once.</strong> Requests that carry its
            stand-in are refused from then on.
          </p>
          <ul class="hit-list">
            {hit.map(({ sandbox_id: id, sandbox_name: sandbox, env_key: key, status }) => (
              <li key={`${id} ${key}`}>
                <strong>{sandbox}</strong> <code>{key}</code> <span class="muted">{status}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <p class="muted">The value is erased. This cannot be undone.</p>
    </ActionDialog>
  );
}
