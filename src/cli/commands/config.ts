import type { Command } from 'commander';
import { describeConfig, loadConfig } from '../../config.ts';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';

/** `standin config`: every setting, its value without secrets, and where that came from. */
export function addConfigCommand(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'config',
    summary: "print the server's settings, their values and where those came from",
    examples: [
      ['standin config', 'what `standin serve` would run with here'],
      ['standin config --config /etc/standin.conf', 'with the settings of that file'],
    ],
  })
    .option('--config <file>', 'as `standin serve --config`')
    .action((options: CommonOptions & { config?: string }) => {
      const output = cli.output(options);
      const rows = describeConfig(loadConfig({}, { env: cli.io.env, file: options.config }));
      output.result(rows, () =>
        output.table(rows, [
          { title: 'SETTING', of: (row) => row.name },
          { title: 'VALUE', of: (row) => row.value },
          { title: 'FROM', of: (row) => row.source },
          { title: 'DEFAULT', of: (row) => row.fallback },
        ]),
      );
    });
}
