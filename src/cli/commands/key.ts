import type { Command } from 'commander';
import { addCommand, addGroup, yesOption } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { confirmDestruction } from '../confirm.ts';

/** `standin key …` */
export function addKeyCommands(program: Command, cli: Cli): void {
  const key = addGroup(program, 'key', {
    summary: 'the API keys of your team',
    examples: [
      ['standin key create ci', 'for a job that stores secrets and makes sandboxes'],
      ['standin key list', 'which there are, and when each was used'],
    ],
  });
  addCommand(key, {
    usage: 'create <name>',
    summary: 'make an API key; it is printed this once',
    examples: [
      ['standin key create ci', 'may store secrets and make sandboxes'],
      ['standin key create laptop --operator', "may also mount the server's directories"],
    ],
  })
    .option('--operator', "may use what reaches the server's own machine: mounts")
    .action(async (name: string, options: CommonOptions & { operator?: boolean }) => {
      const output = cli.output(options);
      const created = await cli.connect().keys.create({ name, operator: options.operator === true });
      output.result(created, () => {
        output.line(created.key);
        output.note(`key ${created.name} (${created.id}); it is not shown again`);
      });
    });

  addCommand(key, {
    usage: 'list',
    summary: 'list the live API keys, never the keys themselves',
    examples: [['standin key list', 'with their last use']],
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const output = cli.output(options);
      const keys = await cli.connect().keys.list();
      output.result(keys, () =>
        output.table(keys, [
          { title: 'ID', of: (row) => row.id, keep: true },
          { title: 'NAME', of: (row) => row.name, keep: true },
          { title: 'KEY', of: (row) => `${row.hint}…` },
          { title: 'MAY', of: (row) => (row.operator ? 'operate' : 'use') },
          { title: 'CREATED', of: (row) => output.time(row.created_at) },
          { title: 'LAST USED', of: (row) => output.time(row.last_used_at) },
        ]),
      );
    });

  addCommand(key, {
    usage: 'revoke <id>',
    summary: 'revoke an API key at once',
    examples: [['standin key revoke 7b0c4f8e-…', 'as `standin key list` shows it']],
  })
    .addOption(yesOption())
    .action(async (id: string, options: CommonOptions & { yes?: boolean }) => {
      const output = cli.output(options);
      await confirmDestruction(cli.io, `Revoke the key ${id}? What uses it stops working at once.`, options.yes);
      await cli.connect().keys.revoke(id);
      output.result({ id, revoked: true }, () => output.line(`revoked ${id}`));
    });
}
