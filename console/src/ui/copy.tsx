import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { say } from '../state/notices.ts';
import { Button } from './button.tsx';

export function CopyButton({ text, what }: { text: string; what: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
      say(`Copied ${what}.`);
    } catch {
      say(`The browser does not let this page copy; select ${what} and copy it by hand.`, 'failed');
    }
  };
  return (
    <Button kind="quiet" small iconOnly icon={copied ? 'check' : 'copy'} onClick={() => void copy()}>
      {`Copy ${what}`}
    </Button>
  );
}

/** Text to take along, with a button that copies it. */
export function Code({ text, what, wrap = false }: { text: string; what: string; wrap?: boolean }): JSX.Element {
  return (
    <div class={wrap ? 'code wrap' : 'code'}>
      <pre tabIndex={0} role="group" aria-label={what}>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}
