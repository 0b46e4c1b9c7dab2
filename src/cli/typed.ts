import type { Command, Option } from 'commander';
import { passesWordsOn } from './command.ts';

/** What was typed, as far as it goes: for completion, and for what goes wrong before options are parsed. */
export interface Typed {
  /** The innermost command that was named. */
  command: Command;
  /** Its name with its parents': `sandbox`, `exec`. */
  path: string[];
  /** Long names of the flags that were given to it. */
  flags: Set<string>;
  /** Its arguments so far. */
  args: string[];
  /** The option whose value comes next. */
  pending: Option | null;
  /** After `--`, or within another program's words: no flag of ours can come. */
  onlyArguments: boolean;
}

/** Reads whole words (after `standin`) as commander would; what it does not know it passes over. */
export function readTyped(program: Command, words: readonly string[]): Typed {
  const typed: Typed = {
    command: program,
    path: [],
    flags: new Set(),
    args: [],
    pending: null,
    onlyArguments: false,
  };
  for (const word of words) readWord(typed, word);
  return typed;
}

function readWord(typed: Typed, word: string): void {
  const { command } = typed;
  if (typed.pending !== null) typed.pending = null;
  else if (typed.onlyArguments) typed.args.push(word);
  else if (word === '--') typed.onlyArguments = true;
  else if (word.startsWith('-') && word !== '-') readFlag(typed, word);
  else readPlain(typed, command, word);
}

function readFlag(typed: Typed, word: string): void {
  const [flag = '', value] = word.startsWith('--') ? word.split('=', 2) : [word];
  const option = typed.command.options.find(({ long, short }) => flag === long || flag === short);
  if (option === undefined) return;
  typed.flags.add(option.long ?? flag);
  if (value === undefined && (option.required || option.optional)) typed.pending = option;
}

function readPlain(typed: Typed, command: Command, word: string): void {
  const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
  if (child !== undefined && typed.args.length === 0) {
    typed.command = child;
    typed.path.push(child.name());
    typed.flags.clear();
    return;
  }
  typed.args.push(word);
  // The first word of the other program ends our own options.
  if (passesWordsOn(command) && typed.args.length >= command.registeredArguments.length) typed.onlyArguments = true;
}
