import type { JSX } from 'preact';
import { Button } from '../../ui/button.tsx';
import { Choices, TextField } from '../../ui/field.tsx';
import { ruleTypes } from './rule.ts';
import type { RuleDraft } from './rule.ts';

/** The API takes so many headers in one rule. */
const mostHeaders = 8;

/** How the value is written into a request. */
export function RuleEditor({
  draft,
  onChange,
}: {
  draft: RuleDraft;
  onChange: (draft: RuleDraft) => void;
}): JSX.Element {
  const set = (change: Partial<RuleDraft>) => onChange({ ...draft, ...change });
  return (
    <>
      <Choices label="How it is sent" value={draft.type} options={ruleTypes} onInput={(type) => set({ type })} />
      {draft.type === 'basic' && (
        <TextField
          label="User name"
          value={draft.username}
          mono
          onInput={(username) => set({ username })}
          hint="Leave it empty to keep the one that the client sends."
        />
      )}
      {draft.type === 'api-key' && (
        <div class="pair">
          <TextField
            label="Header"
            value={draft.header}
            mono
            required
            placeholder="X-Api-Key"
            onInput={(header) => set({ header })}
          />
          <TextField
            label="Prefix"
            value={draft.prefix}
            mono
            placeholder="Token "
            onInput={(prefix) => set({ prefix })}
            hint="Kept to the byte: a space at its end counts."
          />
        </div>
      )}
      {draft.type === 'custom' && <HeadersEditor draft={draft} set={set} />}
    </>
  );
}

function HeadersEditor(props: { draft: RuleDraft; set: (change: Partial<RuleDraft>) => void }): JSX.Element {
  const { headers } = props.draft;
  const change = (at: number, part: Partial<(typeof headers)[number]>) =>
    props.set({ headers: headers.map((each, index) => (index === at ? { ...each, ...part } : each)) });
  return (
    <fieldset class="bare stack tight">
      <legend class="label">Headers</legend>
      {headers.map(({ name, template }, index) => (
        <div key={index} class="pair with-button">
          <TextField
            label={`Name ${index + 1}`}
            value={name}
            mono
            required
            placeholder="X-Api-Key"
            onInput={(value) => change(index, { name: value })}
          />
          <TextField
            label={`Template ${index + 1}`}
            value={template}
            mono
            required
            onInput={(value) => change(index, { template: value })}
          />
          {headers.length > 1 && (
            <Button
              kind="quiet"
              icon="trash"
              iconOnly
              onClick={() => props.set({ headers: headers.filter((_each, at) => at !== index) })}
            >
              {`Remove header ${index + 1}`}
            </Button>
          )}
        </div>
      ))}
      <p class="hint muted small">
        <code>{'{{ value }}'}</code> stands for the value; each template names it.
      </p>
      {headers.length < mostHeaders && (
        <div>
          <Button
            small
            icon="plus"
            onClick={() => props.set({ headers: [...headers, { name: '', template: '{{ value }}' }] })}
          >
            Add a header
          </Button>
        </div>
      )}
    </fieldset>
  );
}
