import type { Command } from 'commander';
import { addCommand, addGroup } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { shortTime } from '../output.ts';

/** `standin key …` */
export function addKeyCommands(program: Command, cli: Cli): void {
  const key = addGroup(program, 'key', 'the API keys of your team');
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
          { title: 'ID', of: (row) => row.id },
          { title: 'NAME', of: (row) => row.name },
          { title: 'KEY', of: (row) => `${row.hint}…` },
          { title: 'MAY', of: (row) => (row.operator ? 'operate' : 'use') },
          { title: 'CREATED', of: (row) => shortTime(row.created_at) },
          { title: 'LAST USED', of: (row) => shortTime(row.last_used_at) },
        ]),
      );
    });

  addCommand(key, {
    usage: 'revoke <id>',
    summary: 'revoke an API key at once',
    examples: [['standin key revoke 7b0c4f8e-…', 'as `standin key list` shows it']],
  }).action(async (id: string, options: CommonOptions) => {
    const output = cli.output(options);
    await cli.connect().keys.revoke(id);
    output.result({ id, revoked: true }, () => output.line(`revoked ${id}`));
  });
}
