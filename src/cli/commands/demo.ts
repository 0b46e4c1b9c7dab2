import { Option } from 'commander';
import type { Command } from 'commander';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { exitCodes } from '../failure.ts';

/** `standin demo`: the promise, shown with real processes. */
export function addDemoCommands(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'demo',
    summary: 'show what Standin does, on this machine and without a network; exits 0 if every claim held',
    examples: [['standin demo', 'takes a few seconds and leaves nothing behind']],
  })
    .option('--driver <name>', 'bubblewrap or external; without it what this machine can')
    .addOption(new Option('--as-upstream').hideHelp())
    .action(async (options: CommonOptions & { asUpstream?: boolean; driver?: string }) => {
      // Loaded only here: the other commands start faster without.
      if (options.asUpstream === true) return await (await import('../demo/upstream.ts')).runUpstream();
      const { tellStory } = await import('../demo/story.ts');
      const output = cli.output(options);
      if (!output.json) output.line(output.style('bold', 'A key is used by code that never holds it'));
      const claims = await tellStory(cli, { output, driver: options.driver });
      const held = claims.all.filter(({ holds }) => holds).length;
      output.result({ holds: claims.holdAll, claims: claims.all }, () =>
        output.line(
          `\n${output.style(claims.holdAll ? 'green' : 'red', `${held} of ${claims.all.length} claims held.`)}`,
        ),
      );
      if (!claims.holdAll) cli.exitWith(exitCodes.failed);
    });
}
