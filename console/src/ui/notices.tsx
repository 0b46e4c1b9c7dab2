import type { JSX } from 'preact';
import { dismiss, notices } from '../state/notices.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';

/** What happened, seen for a while and read out by screen readers. */
export function Notices(): JSX.Element {
  return (
    <div class="notices" role="status" aria-live="polite" aria-relevant="additions">
      {notices.value.map(({ id, kind, text }) => (
        <div key={id} class={`notice ${kind}`}>
          <Icon name={kind === 'done' ? 'check' : 'alert'} />
          <span>{text}</span>
          <Button kind="quiet" small icon="close" iconOnly onClick={() => dismiss(id)}>
            Dismiss
          </Button>
        </div>
      ))}
    </div>
  );
}
