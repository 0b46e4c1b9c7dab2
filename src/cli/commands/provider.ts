import type { Command } from 'commander';
import { addCommand, addGroup } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';

/** `standin provider …` */
export function addProviderCommands(program: Command, cli: Cli): void {
  const provider = addGroup(program, 'provider', {
    summary: 'the catalogue of shortcuts',
    examples: [['standin provider list git', 'those with `git` in the name']],
  });
  addCommand(provider, {
    usage: 'list [part]',
    summary: 'list the providers whose hosts and rules are known',
    examples: [
      ['standin provider list', 'all of them'],
      ['standin provider list git', 'those with `git` in the name'],
    ],
  })
    .alias('ls')
    .action(async (part: string | undefined, options: CommonOptions) => {
      const output = cli.output(options);
      const all = await cli.connect().providers.list();
      const wanted = part?.toLowerCase() ?? '';
      const found = all.filter(({ name, display }) => name.includes(wanted) || display.toLowerCase().includes(wanted));
      output.result(found, () =>
        output.table(
          found,
          [
            { title: 'NAME', of: (row) => row.name },
            { title: 'PROVIDER', of: (row) => row.display },
            { title: 'SENT AS', of: (row) => row.auth_type },
            { title: 'HOSTS', of: (row) => row.hosts.join(', ') },
            { title: 'TOKEN', of: (row) => row.token_shape },
          ],
          { empty: 'no provider of that name; a host of your own goes with --host and --auth' },
        ),
      );
    });
}
