import type { JSX } from 'preact';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/field.tsx';
import { suggestedVariable } from '../secrets/secret-name.ts';

export interface BindingDraft {
  envKey: string;
  secret: string;
}

/** Which secret stands in which variable. */
export function BindingRows(props: {
  bindings: readonly BindingDraft[];
  /** Names of secrets to choose from. */
  names: readonly string[];
  onChange: (bindings: readonly BindingDraft[]) => void;
}): JSX.Element {
  const { bindings, names, onChange } = props;
  const change = (at: number, part: Partial<BindingDraft>) =>
    onChange(bindings.map((each, index) => (index === at ? { ...each, ...part } : each)));
  return (
    <fieldset class="bare stack tight">
      <legend class="label">Secrets</legend>
      {bindings.length === 0 && <p class="muted">None bound: the sandbox holds no stand-in.</p>}
      {bindings.map(({ envKey, secret }, index) => (
        <div key={index} class="pair with-button">
          <TextField
            label={`Secret ${index + 1}`}
            value={secret}
            mono
            list={names}
            placeholder="name of a secret"
            onInput={(name) =>
              change(index, {
                secret: name,
                ...(envKey === suggestedVariable(secret) ? { envKey: suggestedVariable(name) } : {}),
              })
            }
          />
          <TextField
            label={`Variable ${index + 1}`}
            value={envKey}
            mono
            placeholder="ANTHROPIC_API_KEY"
            onInput={(key) => change(index, { envKey: key })}
          />
          <Button
            kind="quiet"
            icon="trash"
            iconOnly
            onClick={() => onChange(bindings.filter((_each, at) => at !== index))}
          >
            {`Remove secret ${index + 1}`}
          </Button>
        </div>
      ))}
      <div>
        <Button small icon="plus" onClick={() => onChange([...bindings, { envKey: '', secret: '' }])}>
          Bind a secret
        </Button>
      </div>
    </fieldset>
  );
}
