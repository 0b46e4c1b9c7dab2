import { isCancel, multiselect, text } from '@clack/prompts';
import { canAsk } from '../confirm.ts';
import { CliFailure, wrongUsage } from '../failure.ts';
import type { Io } from '../io.ts';
import { keepingTerminal } from '../keep-terminal.ts';
import { shown } from './plan.ts';
import type { Finding } from './plan.ts';

/**
 * Which of the findings are stored: those of `only`, or all that were recognised with `yes`, or those that a person
 * ticks. Throws where nobody can be asked, and where one that was named cannot be stored.
 */
export async function chooseFindings(
  io: Io,
  found: readonly Finding[],
  { only, yes }: { only?: readonly string[] | undefined; yes?: boolean | undefined },
): Promise<Finding[]> {
  if (only !== undefined) {
    const chosen = only.map((name) => {
      const finding = found.find((each) => each.name === name);
      if (finding === undefined) throw wrongUsage(`the file has no ${name}`);
      if (finding.obstacle !== null) throw new CliFailure(`${name} cannot be stored: ${finding.obstacle}`);
      return finding;
    });
    return await withTargets(io, chosen);
  }
  const able = found.filter(({ obstacle, value }) => obstacle === null && value !== '');
  const ready = able.filter(({ target, recognised }) => target !== null && recognised !== null);
  if (yes === true) return ready;
  if (!canAsk(io)) {
    throw wrongUsage(
      'there is nobody to ask which are to be stored',
      'give --yes for all that have a provider, or --only KEY',
    );
  }
  if (able.length === 0) return [];
  const answer = await keepingTerminal(io, () =>
    multiselect({
      message: 'Which are to be stored?',
      options: able.map((each) => ({
        value: each.name,
        label: each.name,
        hint: `${targetWords(each)}, ${shown(each)}`,
      })),
      initialValues: ready.map(({ name }) => name),
      required: false,
      input: io.stdin,
      output: io.stderr,
    }),
  );
  if (isCancel(answer)) throw new CliFailure('nothing was stored');
  return await withTargets(
    io,
    able.filter(({ name }) => answer.includes(name)),
  );
}

/** `github`, `api.example.com`, or that it is not known. */
export function targetWords({ target }: Finding): string {
  if (target === null) return 'provider not known';
  return 'provider' in target ? target.provider : target.host;
}

async function withTargets(io: Io, chosen: readonly Finding[]): Promise<Finding[]> {
  const complete: Finding[] = [];
  for (const finding of chosen) {
    if (finding.target !== null) complete.push(finding);
    else if (!canAsk(io)) {
      throw wrongUsage(
        `it is not known where ${finding.name} may go`,
        `give --provider ${finding.name}=NAME or --host ${finding.name}=HOST`,
      );
    } else complete.push(Object.assign(finding, { target: await askTarget(io, finding.name) }));
  }
  return complete;
}

async function askTarget(io: Io, name: string): Promise<Finding['target']> {
  const answer = await keepingTerminal(io, () =>
    text({
      message: `Whose is ${name}? A provider of \`standin provider list\`, or the host that it may go to`,
      validate: (typed) => (typed === undefined || typed.trim() === '' ? 'must not be empty' : undefined),
      input: io.stdin,
      output: io.stderr,
    }),
  );
  if (isCancel(answer)) throw new CliFailure('nothing was stored');
  const typed = answer.trim();
  return typed.includes('.') ? { host: typed } : { provider: typed };
}
