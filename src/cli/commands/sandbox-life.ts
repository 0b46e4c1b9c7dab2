import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { addCommand, pairs, wholeNumber } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { wrongUsage } from '../failure.ts';
import { findSandbox } from '../near.ts';
import { addNetworkOptions, networkOf } from '../network-options.ts';
import type { NetworkOptions } from '../network-options.ts';

interface SetOptions extends CommonOptions, NetworkOptions {
  metadata?: Record<string, string>;
  timeout?: number | 'none';
  autoDelete?: number | 'none';
}

/** `standin sandbox pause`, `resume` and `set`. */
export function addLifeCommands(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'pause <id>',
    summary: 'stop every process of a sandbox where it is; nothing is lost',
    examples: [['standin sandbox pause agent', 'until it is resumed']],
  }).action(async (named: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const id = await findSandbox(client, named);
    await client.sandboxes.pause(id);
    output.result({ id, status: 'paused' }, () => output.line(`paused ${id}`));
  });

  addCommand(sandbox, {
    usage: 'resume <id>',
    summary: 'let a paused sandbox go on; its access token is replaced',
    examples: [['standin sandbox resume agent', 'its processes go on where they were']],
  }).action(async (named: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const id = await findSandbox(client, named);
    const { status } = await client.sandboxes.resume(id);
    output.result({ id, status }, () => output.line(`resumed ${id}`));
  });

  const set = addCommand(sandbox, {
    usage: 'set <id>',
    summary: 'change network rules, metadata or time limits; what is not named stays',
    examples: [
      ['standin sandbox set agent --allow-out api.example.com', 'for the next connection; others that are open end'],
      ['standin sandbox set agent --timeout 3600 --auto-delete none', 'pause it after an hour, delete it never'],
    ],
  })
    .addOption(pairs('--metadata <KEY=value>', 'in place of all that it has'))
    .addOption(
      new Option('--timeout <seconds>', 'pause it after so long; `none`: never').argParser(secondsOrNone(1, 604_800)),
    )
    .addOption(
      new Option('--auto-delete <seconds>', 'delete it after so long paused; `none`: never').argParser(
        secondsOrNone(0, 2_592_000),
      ),
    );
  addNetworkOptions(set).action(async (named: string, options: SetOptions) => {
    const output = cli.output(options);
    const change = {
      network: networkOf(options),
      metadata: options.metadata,
      timeout_seconds: cleared(options.timeout),
      auto_delete_seconds: cleared(options.autoDelete),
    };
    if (Object.values(change).every((each) => each === undefined))
      throw wrongUsage('nothing is to be changed', 'see --help');
    const client = cli.connect();
    const id = await findSandbox(client, named);
    await client.sandboxes.update(id, change);
    output.result({ id, changed: true }, () => output.line(`changed ${id}`));
  });
}

function cleared(seconds: number | 'none' | undefined): number | null | undefined {
  return seconds === 'none' ? null : seconds;
}

function secondsOrNone(least: number, most: number): (text: string) => number | 'none' {
  const parse = wholeNumber(least, most);
  return (text) => {
    if (text === 'none') return text;
    try {
      return parse(text);
    } catch {
      throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}, or none`);
    }
  };
}
