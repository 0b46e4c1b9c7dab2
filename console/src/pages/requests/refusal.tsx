import type { JSX } from 'preact';

/** Why something was refused, and the cure. */
export function Refusal({ of }: { of: { code: string; cause: string; cure: string } }): JSX.Element {
  return (
    <div class="refusal">
      <p>
        <code class="bad-text">{of.code}</code>
      </p>
      <p>{of.cause}</p>
      <p>
        <strong>What to do:</strong> {of.cure}
      </p>
    </div>
  );
}
