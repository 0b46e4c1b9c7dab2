import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { addCommand, lists, pairs, yesOption } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { shapesOf } from '../credentials/shapes.ts';
import { CliFailure } from '../failure.ts';
import { chooseFindings, targetWords } from '../import/choose.ts';
import { readEnvFile, replaceFile, withoutValues } from '../import/env-file.ts';
import { askGit } from '../import/git.ts';
import { findings, requestOf, shown } from '../import/plan.ts';
import type { Finding, ImportChoices } from '../import/plan.ts';
import type { Output } from '../output.ts';
import { withProgress } from '../progress.ts';
import { bindInProject } from '../project/bind.ts';

interface ImportOptions extends CommonOptions, ImportChoices {
  only?: string[];
  yes?: boolean;
  bind?: boolean;
  dryRun?: boolean;
  allowTracked?: boolean;
}

/** `standin secret import`: the credentials of a `.env` file. */
export function addImportCommand(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'import <file>',
    summary: 'store the credentials of a .env file, and take their values out of it',
    examples: [
      ['standin secret import .env', 'shows what it recognises, and asks'],
      ['standin secret import .env --dry-run', 'shows it, and does nothing'],
      ['standin secret import .env --yes --bind', 'all that have a provider, bound in .standin.yaml'],
      ['standin secret import .env --only CRM_KEY --host CRM_KEY=crm.example.com', 'one, for a host of your own'],
    ],
  })
    .addOption(lists('--only <keys>', 'these variables and no others'))
    .addOption(pairs('--provider <KEY=name>', 'whose a variable is'))
    .addOption(pairs('--host <KEY=host>', 'the host that a variable may go to, as a bearer token'))
    .addOption(pairs('--as <KEY=secret>', 'what the secret is to be called'))
    .option('--bind', 'bind them in the .standin.yaml beside the file')
    .option('--dry-run', 'store and write nothing')
    .option('--allow-tracked', 'also where git tracks the file')
    .addOption(yesOption())
    .action(async (path: string, options: ImportOptions) => await importFile(cli, path, options));
}

async function importFile(cli: Cli, path: string, options: ImportOptions): Promise<void> {
  const output = cli.output(options);
  const file = readEnvFile(resolve(cli.io.cwd, path));
  const git = await askGit(cli.io, file.path);
  if (git.tracked && options.allowTracked !== true && options.dryRun !== true) {
    throw new CliFailure(`git tracks ${path}: its values are in the history of the repository, and stay there`, {
      fix: `take it out with \`git rm --cached ${path}\`, replace the keys where they came from, or give --allow-tracked`,
    });
  }
  const client = cli.connect();
  const found = findings(file.assignments, {
    shapes: shapesOf(await client.providers.list()),
    taken: new Set((await client.secrets.list()).map(({ name }) => name)),
    choices: options,
  });
  if (!output.json) show(output, found);
  if (options.dryRun === true) {
    output.result({ file: file.path, found: found.map(withoutValue), stored: [] }, () =>
      output.line('nothing was stored'),
    );
    return;
  }
  const chosen = await chooseFindings(cli.io, found, options);
  const stored = new Map<string, string>();
  try {
    await withProgress(cli, { ...options, text: 'storing' }, async (progress) => {
      for (const finding of chosen) {
        progress.say(`storing ${finding.secret}`);
        await client.secrets.create(requestOf(finding));
        stored.set(finding.name, finding.secret);
      }
    });
  } finally {
    // What is stored is taken out, also where a later one was refused.
    if (stored.size > 0) replaceFile(file, withoutValues(file, stored));
  }
  const project = options.bind === true && stored.size > 0 ? bindInProject(cli.io, dirname(file.path), stored) : null;
  const result = {
    file: file.path,
    found: found.map(withoutValue),
    stored: [...stored].map(([variable, name]) => ({ variable, secret: name })),
    project_file: project,
    in_git_history: git.inHistory,
  };
  output.result(result, () => tell(output, { path, stored, project }));
  if (stored.size === 0) return;
  if (git.inHistory) output.warn(`git has ${path} in its history: who has the repository has the old values`);
  output.note(
    'backups and editors may keep the old values: replace the keys where they came from, then `secret rotate`',
  );
}

function show(output: Output, found: readonly Finding[]): void {
  output.table(
    found,
    [
      { title: 'LINE', of: (row) => row.line, align: 'right' },
      { title: 'VARIABLE', of: (row) => row.name, keep: true },
      { title: 'LOOKS LIKE', of: looks },
      { title: 'VALUE', of: (row) => (row.value === '' ? 'empty' : shown(row)) },
      { title: 'SECRET', of: (row) => (row.obstacle === null && row.target !== null ? row.secret : null) },
      { title: 'NOT STORED BECAUSE', of: (row) => row.obstacle, optional: true },
    ],
    { empty: 'the file has no variables' },
  );
}

function looks(finding: Finding): string {
  const { recognised, target } = finding;
  if (recognised === null && target === null) return 'no credential';
  if (target !== null) return `${targetWords(finding)}${recognised?.by === 'name' ? ', by its name' : ''}`;
  return recognised?.by === 'shape' ? 'a key of several providers' : 'a credential, of whom is not known';
}

function tell(
  output: Output,
  { path, stored, project }: { path: string; stored: ReadonlyMap<string, string>; project: string | null },
): void {
  if (stored.size === 0) return output.line('nothing was stored');
  for (const [variable, name] of stored) output.line(`stored ${variable} as ${name}`);
  output.line(`took ${stored.size === 1 ? 'its value' : 'their values'} out of ${path}`);
  if (project !== null) output.line(`bound in ${project}`);
  const flags = [...stored].map(([variable, name]) => `-s ${variable}=${name} `).join('');
  output.note(`use ${stored.size === 1 ? 'it' : 'them'}: standin run ${project === null ? flags : ''}-- COMMAND`);
}

function withoutValue(finding: Finding): object {
  const { name, line, recognised, secret, obstacle } = finding;
  return {
    variable: name,
    line,
    provider: recognised?.provider ?? null,
    recognised_by: recognised?.by ?? null,
    prefix: recognised?.prefix ?? null,
    length: Array.from(finding.value).length,
    secret,
    obstacle,
  };
}
