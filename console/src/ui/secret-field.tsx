import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useImperativeHandle, useRef } from 'preact/hooks';
import { Hint } from './field.tsx';

/** What is typed stands in the password field and nowhere else: no state, no attribute, no storage. */
export interface SecretInput {
  /** The value, for one call; the field is empty afterwards. */
  take: () => string;
  isEmpty: () => boolean;
  clear: () => void;
  focus: () => void;
}

export function SecretField(props: {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | undefined;
  handle: { current: SecretInput | null };
  first?: boolean;
  /** Told whether there is something in it, and never what. */
  onFilled?: (filled: boolean) => void;
}): JSX.Element {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useImperativeHandle(
    props.handle,
    () => ({
      take: () => {
        const value = input.current?.value ?? '';
        if (input.current !== null) input.current.value = '';
        props.onFilled?.(false);
        return value;
      },
      isEmpty: () => (input.current?.value ?? '') === '',
      clear: () => {
        if (input.current !== null) input.current.value = '';
      },
      focus: () => input.current?.focus(),
    }),
    [],
  );
  useEffect(
    () => () => {
      if (input.current !== null) input.current.value = '';
    },
    [],
  );
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={input}
        class="input mono"
        type="password"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        data-1p-ignore=""
        data-lpignore="true"
        aria-invalid={props.wrong !== undefined}
        aria-describedby={`${id}-hint`}
        {...(props.first === true ? { 'data-first': '' } : {})}
        onInput={(event) => props.onFilled?.(event.currentTarget.value !== '')}
      />
      <Hint id={`${id}-hint`} hint={props.hint} wrong={props.wrong} />
    </div>
  );
}
