import { Argument } from 'commander';
import type { Command } from 'commander';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { complete } from '../completion/complete.ts';
import { scripts } from '../completion/scripts.ts';
import type { Shell } from '../completion/scripts.ts';
import { createAsk } from '../completion/sources.ts';

/** `standin completion`, and what its scripts run at each TAB. */
export function addCompletionCommands(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'completion',
    summary: 'print a script that completes commands, options and names in your shell',
    examples: [
      ['eval "$(standin completion bash)"', 'in ~/.bashrc'],
      ['eval "$(standin completion zsh)"', 'in ~/.zshrc, after compinit'],
      ['standin completion fish > ~/.config/fish/completions/standin.fish', 'once'],
    ],
  })
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(scripts)))
    .action((shell: Shell, options: CommonOptions) => {
      const output = cli.output(options);
      output.result({ shell, script: scripts[shell] }, () => output.line(scripts[shell].trimEnd()));
    });

  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const own = words[0] === '--' ? words.slice(1) : words;
      const { candidates, files } = await complete(
        program,
        { words: own.slice(0, -1), current: own.at(-1) ?? '' },
        createAsk(cli),
      );
      const lines = candidates.map(({ value, description }) =>
        description === undefined ? value : `${value}\t${description}`,
      );
      cli.io.stdout.write(`${[...lines, files ? ':files' : ':end'].join('\n')}\n`);
    });
}
