import type { ComponentChildren, JSX } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { Action } from '../state/action.ts';
import { Button } from './button.tsx';
import { Problem } from './problem.tsx';

/** A modal: the browser keeps the focus inside, closes it on Escape and gives the focus back. */
export function Dialog(props: {
  title: string;
  wide?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Not once it was painted: a focus that is given back only after the dialog is gone is nowhere in between.
  useLayoutEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    element?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.wide === true ? 'wide' : ''}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <div class="inside">
        <header>
          <h2 id={id}>{props.title}</h2>
          <Button kind="quiet" small icon="close" iconOnly onClick={props.onClose}>
            Close
          </Button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** A dialog that asks for one thing and does it; it stays open, with what went wrong, until it was done. */
export function ActionDialog(props: {
  title: string;
  action: Action<[]>;
  /** Looks at what was typed before anything is sent; says by its own means what is wrong. */
  check?: () => boolean;
  verb: string;
  busyText: string;
  danger?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const { action, onClose } = props;
  return (
    <Dialog title={props.title} onClose={onClose}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (props.check?.() === false) return;
          void action.run().then((done) => (done ? onClose() : undefined));
        }}
      >
        {props.children}
        <Problem failure={action.failure} />
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            submit
            kind={props.danger === true ? 'danger' : 'primary'}
            solid={props.danger === true}
            busy={action.busy}
            busyText={props.busyText}
          >
            {props.verb}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
