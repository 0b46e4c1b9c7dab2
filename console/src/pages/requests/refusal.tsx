import type { JSX } from 'preact';
import { sentence } from '../../ui/sentence.ts';

/** Why something was refused, and the cure. */
export function Refusal({ of }: { of: { code: string; cause: string; cure: string } }): JSX.Element {
  return (
    <div class="refusal">
      <p>
        <code class="bad-text">{of.code}</code>
      </p>
      <p>{sentence(of.cause)}</p>
      <p>
        <strong>What to do:</strong> {sentence(of.cure)}
      </p>
    </div>
  );
}
