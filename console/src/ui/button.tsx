import type { ComponentChildren, JSX } from 'preact';
import { Icon } from './icons.tsx';
import type { IconName } from './icons.tsx';

export interface ButtonProps {
  children: ComponentChildren;
  kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  /** Filled: the one thing that a dialog is there for. */
  solid?: boolean;
  small?: boolean;
  icon?: IconName;
  /** Only the icon is seen; the words are its name. */
  iconOnly?: boolean;
  busy?: boolean;
  /** What is said meanwhile: "Storing…". */
  busyText?: string;
  submit?: boolean;
  onClick?: () => void;
}

/** While `busy` it keeps the focus and takes no click. */
export function Button(props: ButtonProps): JSX.Element {
  const { busy = false, icon, iconOnly = false, children } = props;
  return (
    <button
      type={props.submit === true ? 'submit' : 'button'}
      class={buttonClass(props)}
      aria-disabled={busy}
      aria-busy={busy}
      {...(iconOnly && typeof children === 'string' ? { 'aria-label': children, title: children } : {})}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else props.onClick?.();
      }}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon !== undefined && <Icon name={icon} />}
      {!iconOnly && (busy ? (props.busyText ?? children) : children)}
    </button>
  );
}

/** A link that looks like a button: it leads somewhere and changes nothing. */
export function ButtonLink(
  props: Pick<ButtonProps, 'children' | 'kind' | 'icon' | 'small'> & { href: string; download?: string },
): JSX.Element {
  return (
    <a
      class={buttonClass(props)}
      href={props.href}
      {...(props.download === undefined ? {} : { download: props.download })}
    >
      {props.icon !== undefined && <Icon name={props.icon} />}
      {props.children}
    </a>
  );
}

function buttonClass({ kind = 'plain', solid, small, iconOnly }: Partial<ButtonProps>): string {
  return ['button', kind, solid === true && 'solid', small === true && 'small', iconOnly === true && 'icon-only']
    .filter(Boolean)
    .join(' ');
}
