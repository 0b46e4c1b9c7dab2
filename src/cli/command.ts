import { Command, InvalidArgumentError, Option } from 'commander';
import type { Client } from '../client/client.ts';
import type { Config } from '../config-settings.ts';
import { colorChoices } from './color.ts';
import type { ColorChoice } from './color.ts';
import { outputGroup } from './help.ts';
import type { Io } from './io.ts';
import type { Output } from './output.ts';

/** What the command line cannot do by itself: it may import neither the server nor the sandbox drivers. */
export interface CliDeps {
  version: string;
  /** Runs the server until it is told to stop. */
  serve(options: ServeOptions): Promise<void>;
  /** What keeps sandboxes of a driver from running on this machine, and what to do about it. Empty: they can. */
  preflight(driver: 'bubblewrap' | 'gvisor'): Promise<{ what: string; fix: string; missing?: string }[]>;
}

/** `flags` as they were typed, by setting; `file` is `--config`. Both are for `loadConfig`. */
export interface ServeOptions {
  flags: Partial<Record<keyof Config, string>>;
  file?: string;
  /** What it says when it is ready is to be JSON. */
  json: boolean;
}

/** What a command works with. */
export interface Cli {
  io: Io;
  deps: CliDeps;
  /** The program and first arguments that start this same program again. */
  self: readonly [string, ...string[]];
  /** The server that the environment or the first start names; with `withinMs` each call gives up after so long. */
  connect(options?: { withinMs: number }): Client;
  output(options: CommonOptions): Output;
  /** What the process exits with, where it is not 0. */
  exitWith(code: number): void;
}

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean;
  color?: ColorChoice;
}

/** What is typed, and what that does. */
export type Example = readonly [typed: string, meaning: string];

/** A command as `--help` shows it. */
export interface CommandHelp {
  /** Name and arguments, as commander writes them: `get <name>`. */
  usage: string;
  summary: string;
  examples: readonly Example[];
}

/** Adds a command that does something: with `--json` and examples in its help. */
export function addCommand(parent: Command, help: CommandHelp): Command {
  return parent
    .command(help.usage)
    .summary(help.summary)
    .description(help.summary)
    .addOption(new Option('--json', 'print JSON, for programs').helpGroup(outputGroup))
    .addOption(
      new Option('--color <when>', 'auto (on terminals), always or never')
        .choices(colorChoices)
        .default('auto')
        .helpGroup(outputGroup),
    )
    .addHelpText('after', `\n${examplesText(help.examples)}`);
}

/** Adds a command that only holds others. */
export function addGroup(parent: Command, name: string, help: Omit<CommandHelp, 'usage'>): Command {
  return parent
    .command(name)
    .summary(help.summary)
    .description(help.summary)
    .addHelpText('after', `\n${examplesText(help.examples)}`);
}

/** Commands whose words after their own options belong to another program. */
export function passesWordsOn(command: Command): boolean {
  const last = command.registeredArguments.at(-1);
  return last?.variadic === true && last.name() === 'command';
}

/** The flag that skips the question before something is destroyed. */
export function yesOption(): Option {
  return new Option('-y, --yes', 'do not ask first');
}

function examplesText(examples: readonly Example[]): string {
  return `Examples:\n${examples.map(([typed, meaning]) => `  # ${meaning}\n  $ ${typed}\n`).join('\n')}`;
}

/** An option that may be given again: its values come as a list. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(
    (value: string, before: string[] | undefined) => [...(before ?? []), value],
  );
}

/** An option that takes several values with commas between them, and may be given again: they come as one list. */
export function lists(flags: string, description: string): Option {
  return new Option(flags, `${description}; commas between several`).argParser(
    (text: string, before: string[] | undefined) => [...(before ?? []), ...text.split(',')],
  );
}

/** Parses a whole number from `least` to `most` for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
    return value;
  };
}

/** `NAME=value` pairs as a record. Throws commander's error, which names the flag, where one has no name or value. */
export function pairs(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(
    (text: string, before: Record<string, string> | undefined) => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new InvalidArgumentError('must be NAME=VALUE');
      return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
    },
  );
}

/** An option whose name happens to start with `no-`, which commander would take for the denial of another. */
export function plainFlag(flags: string, description: string): Option {
  const option = new Option(flags, description);
  option.negate = false;
  return option;
}
