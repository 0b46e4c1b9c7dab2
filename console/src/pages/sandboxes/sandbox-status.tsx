import type { JSX } from 'preact';
import type { Answer } from '../../../../src/contract/operations.ts';
import { Tag } from '../../ui/bits.tsx';
import type { Tone } from '../../ui/bits.tsx';

type Status = Answer<'listSandboxes'>[number]['status'];

const tones: Record<Status, Tone> = { active: 'ok', paused: 'warn', resuming: 'accent', failed: 'bad' };

export function SandboxStatus({ of }: { of: { status: Status } }): JSX.Element {
  return (
    <Tag tone={tones[of.status]} dot>
      {of.status}
    </Tag>
  );
}
