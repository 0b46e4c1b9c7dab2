import type { JSX } from 'preact';
import { Tag } from './bits.tsx';
import type { Tone } from './bits.tsx';

/** How a request ended: its status, and the code of the refusal where there was one. */
export function Outcome(props: {
  status: number | null | undefined;
  errorCode: string | null | undefined;
}): JSX.Element {
  const { status, errorCode } = props;
  const refused = errorCode !== null && errorCode !== undefined;
  return (
    <span class="row nowrap">
      <Tag tone={refused ? 'bad' : toneOf(status)}>{status ?? (refused ? 'refused' : '–')}</Tag>
      {refused && <code class="clip bad-text">{errorCode}</code>}
    </span>
  );
}

function toneOf(status: number | null | undefined): Tone {
  if (status === null || status === undefined) return 'plain';
  if (status >= 500) return 'bad';
  return status >= 400 ? 'warn' : 'ok';
}
