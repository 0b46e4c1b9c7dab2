import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { Answer } from '../../contract/operations.ts';
import { addCommand, addGroup } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { exitCodes } from '../failure.ts';
import type { Output } from '../output.ts';
import { shortTime } from '../times.ts';

type Verdict = Answer<'verifyAudit'>;
type How = NonNullable<Verdict['broken']>['how'];

interface Since {
  id: number;
  hash: string;
}

/** What was found at an event, in words. */
const findings: Record<How, (id: number) => string> = {
  edited: (id) => `event ${id}, or one kept together with it or right before it, was changed after it was written`,
  removed: (id) => `events from ${id} on were taken out`,
  inserted: (id) => `event ${id} was put in by somebody else`,
  cut_off: (id) => `the end of the trail is missing, from event ${id} on`,
  other_head: (id) => `event ${id} is there, but the trail up to it is not the one that was known`,
  unlisted: (id) => `event ${id} is there, but is hidden from the audit of its sandbox or secret`,
};

/** `standin audit …` */
export function addAuditCommands(program: Command, cli: Cli): void {
  const audit = addGroup(program, 'audit', {
    summary: 'the audit trail of the whole server',
    examples: [['standin audit verify', 'that nobody edited it']],
  });
  addCommand(audit, {
    usage: 'verify',
    summary: 'check that nobody edited the audit trail; takes an operator key, exits 1 where somebody did',
    examples: [
      ['standin audit verify', 'all of it'],
      ['standin audit verify --since 48210:9f2c…', 'what came after an end that you kept'],
      ['standin audit verify --json', 'for a monitor'],
    ],
  })
    .addOption(new Option('--since <id:hash>', 'the end that an earlier check printed').argParser(parseSince))
    .action(async (options: CommonOptions & { since?: Since }) => {
      const output = cli.output(options);
      const { since } = options;
      const verdict = await cli.connect().audit.verify(since && { since_id: since.id, since_hash: since.hash });
      output.result(verdict, () => show(output, verdict, since));
      if (verdict.broken !== null) cli.exitWith(exitCodes.failed);
    });
}

function show(output: Output, { events, broken, gaps, ...end }: Verdict, since?: Since): void {
  const where = since === undefined ? '' : ` after event ${since.id}`;
  if (broken === null) output.line(`${output.style('green', 'whole')}: ${events} events${where}, none changed`);
  else output.line(`${output.style('red', 'broken')}: ${findings[broken.how](broken.id)}`);
  for (const { from, to, lost } of gaps.newest) {
    const what = lost === null ? 'events may be missing' : `${lost} events are missing`;
    output.line(`${what}: ${shortTime(from)} to ${shortTime(to)}`);
  }
  if (gaps.count > gaps.newest.length) output.line(`and ${gaps.count - gaps.newest.length} times before that`);
  if (broken !== null) return;
  output.line(`end: ${end.last_id}:${end.last_hash}`);
  output.note('keep the end elsewhere: `--since` with it shows a trail that was written anew or cut off');
}

function parseSince(text: string): Since {
  const [, id = '', hash = ''] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (id === '') throw new InvalidArgumentError('must be ID:HASH, as `standin audit verify` prints it');
  return { id: Number(id), hash: hash.toLowerCase() };
}
