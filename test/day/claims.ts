import { Findings } from '../soak/violations.ts';

/** What must hold of a day; each is counted by itself. */
export const claims = {
  credential: 'every call arrived with the right value: the old one before a rotation, the new one after it',
  stand_in_upstream: 'no upstream saw a stand-in, raw or encoded',
  value_inside: 'no real value was in what the sandbox can read: files, environments, command lines, memory',
  value_outside:
    'no real value was in what came out of the sandbox: output, files, previews, what agents told the model',
  echoes: 'every credential that an upstream gave back arrived as the stand-in',
  work: 'every command that the agents were told to run did what it was to do',
  refused: 'a detached stand-in was refused at once, in use or not, and for ever',
  still: 'nothing ran, left or was served while the sandbox was paused',
  goes_on: 'every process went on after every pause, and no call of an agent failed',
  token: 'the access token of before a pause was refused, the new one taken',
  preview: 'the preview showed what the agent had written last',
  files: 'files that were put in were worked on, and came out right',
  audit: 'the audit trail of every secret has each call that arrived, and no other',
  network: 'the network log has a row for each request that arrived, and for each that was refused',
} as const;

export type Claim = keyof typeof claims;
export type DayFindings = Findings<Claim>;

export function newFindings(say: (line: string) => void): DayFindings {
  return new Findings<Claim>(({ invariant, detail }) => say(`VIOLATED ${invariant}: ${detail}`));
}

/** Counts one look, and a violation where there was something wrong. */
export function judge(findings: DayFindings, claim: Claim, wrong: string | false | null): void {
  findings.checked(claim);
  if (wrong !== false && wrong !== null) findings.violate(claim, wrong);
}
