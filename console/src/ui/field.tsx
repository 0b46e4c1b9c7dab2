import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with what was typed. */
  wrong?: string | undefined;
}

interface TextFieldProps extends FieldProps {
  value: string;
  onInput: (value: string) => void;
  placeholder?: string;
  mono?: boolean;
  type?: 'text' | 'url' | 'number';
  required?: boolean;
  /** Takes the focus as it appears. */
  first?: boolean;
  list?: readonly string[];
}

export function TextField(props: TextFieldProps): JSX.Element {
  const id = useId();
  const { label, hint, wrong, list } = props;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        class={props.mono === true ? 'input mono' : 'input'}
        type={props.type ?? 'text'}
        value={props.value}
        placeholder={props.placeholder}
        required={props.required === true}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-invalid={wrong !== undefined}
        aria-describedby={`${id}-hint`}
        {...(list === undefined ? {} : { list: `${id}-list` })}
        {...(props.first === true ? { 'data-first': '' } : {})}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {list !== undefined && (
        <datalist id={`${id}-list`}>
          {list.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <Hint id={`${id}-hint`} hint={hint} wrong={wrong} />
    </div>
  );
}

export function SelectField(
  props: FieldProps & {
    value: string;
    options: readonly (readonly [value: string, label: string])[];
    onInput: (value: string) => void;
  },
): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        class="input"
        value={props.value}
        aria-describedby={`${id}-hint`}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      >
        {props.options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <Hint id={`${id}-hint`} hint={props.hint} wrong={props.wrong} />
    </div>
  );
}

/** One of few, side by side; arrow keys move between them. */
export function Choices<Value extends string>(props: {
  label: string;
  /** The label is for screen readers only. */
  bare?: boolean;
  value: Value;
  options: readonly (readonly [value: Value, label: ComponentChildren])[];
  onInput: (value: Value) => void;
  hint?: ComponentChildren;
}): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <span class={props.bare === true ? 'visually-hidden' : 'label'} id={`${id}-label`}>
        {props.label}
      </span>
      <div>
        <div class="choices" role="radiogroup" aria-labelledby={`${id}-label`}>
          {props.options.map(([value, label]) => (
            <label key={value}>
              <input
                type="radio"
                name={id}
                value={value}
                checked={value === props.value}
                onInput={() => props.onInput(value)}
              />
              {label}
            </label>
          ))}
        </div>
      </div>
      {props.hint !== undefined && <p class="hint">{props.hint}</p>}
    </div>
  );
}

export function Checkbox(props: {
  children: ComponentChildren;
  checked: boolean;
  onInput: (checked: boolean) => void;
}): JSX.Element {
  const id = useId();
  return (
    <div class="checkbox">
      <input
        id={id}
        type="checkbox"
        checked={props.checked}
        onInput={(event) => props.onInput(event.currentTarget.checked)}
      />
      <label for={id}>{props.children}</label>
    </div>
  );
}

export function Hint({
  id,
  hint,
  wrong,
}: {
  id: string;
  hint?: ComponentChildren;
  wrong?: string | undefined;
}): JSX.Element {
  return (
    <div id={id} class="hint">
      {wrong === undefined ? hint : <span role="alert">{wrong}</span>}
    </div>
  );
}
