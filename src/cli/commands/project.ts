import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { askYesNo, canAsk } from '../confirm.ts';
import { CliFailure } from '../failure.ts';
import { findProject, projectFileName } from '../project/find.ts';
import { projectOf, summaryOf } from '../project/load.ts';
import { parseProjectFile } from '../project/schema.ts';
import { remember } from '../project/trust.ts';

interface TrustOptions extends CommonOptions {
  yes?: boolean;
  forget?: boolean;
}

/** `standin init` and `standin trust`: the project's file. */
export function addProjectCommands(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'init',
    summary: `write a ${projectFileName} for this directory, with what it may say as comments`,
    examples: [
      ['standin init', 'then fill it in; `standin run` uses it from here down'],
      ['standin init --secret ANTHROPIC_API_KEY=anthropic-prod', 'with a first secret in it'],
    ],
  })
    .option('-s, --secret <KEY=secret>', 'a variable and the secret that it is to stand for; may be repeated', collect)
    .action((options: CommonOptions & { secret?: string[] }) => {
      const output = cli.output(options);
      const path = join(cli.io.cwd, projectFileName);
      if (existsSync(path)) throw new CliFailure(`${path} is there already`, { fix: 'edit it' });
      const text = templateOf(options.secret ?? []);
      // Nothing is written that would be refused.
      parseProjectFile(path, text, []);
      writeFileSync(path, text, { flag: 'wx' });
      remember(cli.io, path, text);
      output.result({ path }, () => {
        output.line(`wrote ${path}`);
        output.note('once it is changed, `standin run` asks before it uses it; so does everybody who clones it');
      });
    });

  addCommand(program, {
    usage: 'trust',
    summary: `show what the ${projectFileName} that holds here asks for, and agree to it as it is now`,
    examples: [
      ['standin trust', 'shows it, and asks'],
      ['standin trust --yes', 'in a script, for a file that was read before'],
      ['standin trust --forget', 'ask again at the next run'],
    ],
  })
    .option('-y, --yes', 'agree without being asked')
    .option('--forget', 'take it back')
    .action(async (options: TrustOptions) => {
      const output = cli.output(options);
      const found = findProject(cli.io.cwd);
      if (found === null) throw new CliFailure(`there is no ${projectFileName} here or above`, { fix: 'standin init' });
      const project = projectOf(found, []);
      if (options.forget === true) {
        remember(cli.io, found.path, undefined);
        output.result({ path: found.path, trusted: false }, () => output.line(`forgot ${found.path}`));
        return;
      }
      if (!output.json) cli.io.stderr.write(`${found.path} asks for:\n${summaryOf(project, found.root)}`);
      if (options.yes !== true) {
        if (!canAsk(cli.io)) throw new CliFailure('there is nobody to ask', { fix: 'give --yes' });
        if (!(await askYesNo(cli.io, 'Use it from now on, until it changes?')))
          throw new CliFailure('nothing was done');
      }
      remember(cli.io, found.path, found.text);
      output.result({ path: found.path, trusted: true }, () => output.line(`agreed to ${found.path} as it is now`));
    });
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function templateOf(bindings: readonly string[]): string {
  const secrets = bindings.map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1 || equals === text.length - 1) throw new CliFailure(`${text} is not KEY=secret`);
    return `  ${text.slice(0, equals)}: ${text.slice(equals + 1)}\n`;
  });
  const named =
    secrets.length === 0 ? '# secrets:\n#   ANTHROPIC_API_KEY: anthropic-prod\n' : `secrets:\n${secrets.join('')}`;
  return `# What \`standin run\` does in this directory and below. Options win over it. No values in here: only names of
# stored secrets. Whoever runs it is asked first, and again when it has changed.

# Variables that hold a stand-in, and the secret that each stands for.
${named}
# Ordinary variables.
# env:
#   LOG_LEVEL: debug

# What may be reached; without allow_out any public address.
# network:
#   allow_out: [api.anthropic.com, '*.npmjs.org']
#   deny_out: [203.0.113.0/24]
#   intercept: bound          # open TLS only to the hosts of its secrets
#   tunnel_out: [pinned.example.com]

# Directories beside this one: SOURCE[:TARGET][:ro]. Those outside the project are pointed out to who is asked.
# mounts: [../shared:/shared:ro]

# driver: bubblewrap
# template: python
# timeout: 3600               # seconds; then the command ends with exit code 124
`;
}
