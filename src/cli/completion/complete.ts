import type { Argument, Command, Option } from 'commander';
import { readTyped } from '../typed.ts';
import type { Typed } from '../typed.ts';
import { argumentSources, optionSources } from './tables.ts';
import type { Source } from './tables.ts';

/** One word that may stand where the cursor is. */
export interface Candidate {
  value: string;
  /** What it is, where the shell shows that. */
  description?: string;
}

export interface Completion {
  candidates: Candidate[];
  /** Names of files may stand there too. */
  files: boolean;
}

/** What a source has: asked only where the cursor wants it. */
export type Ask = (source: Exclude<Source, 'files' | 'binding' | 'none'>, typed: Typed) => Promise<Candidate[]>;

/**
 * What may stand in place of `current`, after whole words (those after `standin`). Candidates begin with what is
 * there already.
 */
export async function complete(
  program: Command,
  { words, current }: { words: readonly string[]; current: string },
  ask: Ask,
): Promise<Completion> {
  const typed = readTyped(program, words);
  const { command, pending, onlyArguments } = typed;
  const [, flag = '', value] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  const given = command.options.find((option) => option.long === flag);
  let found: Completion;
  if (pending !== null) found = await forOption(pending, { typed, current, ask });
  else if (!onlyArguments && given !== undefined && value !== undefined) {
    found = prefixed(await forOption(given, { typed, current: value, ask }), `${flag}=`);
  } else if (!onlyArguments && current.startsWith('-')) found = { candidates: flagsOf(typed), files: false };
  else if (command.commands.length > 0 && typed.args.length === 0) {
    found = { candidates: commandsOf(command), files: false };
  } else found = await forArgument(typed, current, ask);
  return { ...found, candidates: found.candidates.filter((each) => each.value.startsWith(current)) };
}

interface Place {
  typed: Typed;
  current: string;
  ask: Ask;
}

function forOption(option: Option, place: Place): Promise<Completion> {
  if (option.argChoices !== undefined) return Promise.resolve(choices(option.argChoices));
  return forSource(optionSources[option.long ?? ''] ?? 'none', place);
}

function forArgument(typed: Typed, current: string, ask: Ask): Promise<Completion> {
  const { command, path, args } = typed;
  const argument = argumentAt(command, args.length);
  if (argument === undefined) return Promise.resolve({ candidates: [], files: false });
  if (argument.argChoices !== undefined) return Promise.resolve(choices(argument.argChoices));
  const names = [`${path.join(' ')} ${argument.name()}`, `${path.slice(0, -1).join(' ')} * ${argument.name()}`];
  const known = names.map((name) => argumentSources[name]).find((source) => source !== undefined);
  return forSource(known ?? 'none', { typed, current, ask });
}

async function forSource(source: Source, { typed, current, ask }: Place): Promise<Completion> {
  if (source === 'none') return { candidates: [], files: false };
  if (source === 'files') return { candidates: [], files: true };
  if (source === 'places') return { candidates: await ask('places', typed), files: true };
  if (source === 'commands')
    return { candidates: typed.args.length === 0 ? await ask('commands', typed) : [], files: true };
  if (source !== 'binding') return { candidates: await ask(source, typed), files: false };
  const equals = current.indexOf('=');
  if (equals < 1) return { candidates: await ask('variables', typed), files: false };
  return prefixed({ candidates: await ask('secrets', typed), files: false }, current.slice(0, equals + 1));
}

function argumentAt({ registeredArguments }: Command, at: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[at] ?? (last?.variadic === true ? last : undefined);
}

/** Flags that were given are left out, unless they may come again. */
function flagsOf({ command, flags }: Typed): Candidate[] {
  const own = command.options
    .filter(
      ({ hidden, long, parseArg }) => !hidden && long !== undefined && (!flags.has(long) || parseArg !== undefined),
    )
    .map(({ long, description }) => ({ value: long ?? '', description }));
  return [...own, { value: '--help', description: 'print this help' }];
}

function commandsOf(command: Command): Candidate[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((child) => ({ value: child.name(), description: child.summary() || child.description() }));
}

function choices(values: readonly string[]): Completion {
  return { candidates: values.map((value) => ({ value })), files: false };
}

function prefixed({ candidates, files }: Completion, prefix: string): Completion {
  const whole = candidates.map(({ value, description }) =>
    description === undefined ? { value: prefix + value } : { value: prefix + value, description },
  );
  return { candidates: whole, files };
}
