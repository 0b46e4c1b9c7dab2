import { Help } from 'commander';
import type { Argument, Command, Option } from 'commander';
import { styleText } from 'node:util';

/** The heading of the options that every command has. */
export const outputGroup = 'Output:';

const bold = (text: string) => styleText('bold', text, { validateStream: false });
const cyan = (text: string) => styleText('cyan', text, { validateStream: false });

/** How `--help` looks; commander takes the codes out again where there is no terminal. */
export const helpLayout = {
  styleTitle: bold,
  styleCommandText: cyan,
  styleOptionText: cyan,
  styleSubcommandText: cyan,
  /** Every command has options: that is not said in each line. */
  subcommandTerm(command: Command): string {
    return [command.name(), ...command.registeredArguments.map((each) => argumentTerm(each))].join(' ');
  },
  /** What `auto` means is in the description. */
  optionDescription(this: Help, option: Option): string {
    return option.long === '--color' ? option.description : Help.prototype.optionDescription.call(this, option);
  },
  /** A command's own options come before those that all have. */
  groupItems<Item extends object>(
    this: Help,
    unsorted: Item[],
    visible: Item[],
    groupOf: (item: Item) => string,
  ): Map<string, Item[]> {
    const own = (item: Item) => Number(groupOf(item) === outputGroup);
    const inOrder = unsorted.toSorted((a, b) => own(a) - own(b));
    const groups = new Map<string, Item[]>();
    for (const item of inOrder) groups.set(groupOf(item), []);
    for (const item of visible) {
      const group = groupOf(item);
      groups.set(group, [...(groups.get(group) ?? []), item]);
    }
    const common = groups.get(outputGroup);
    if (common !== undefined) {
      groups.delete(outputGroup);
      groups.set(outputGroup, common);
    }
    return new Map([...groups].filter(([, items]) => items.length > 0));
  },
};

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** What somebody who has just installed it types, one after the other. */
export const firstSteps = `
First steps:
  1. Start the server, and leave it running:
     $ standin serve
  2. Store a key; its value is asked for:
     $ standin secret create anthropic-prod --provider anthropic
  3. Run something that uses the key and never sees it:
     $ standin run -s ANTHROPIC_API_KEY=anthropic-prod -- COMMAND

\`standin COMMAND --help\` has examples. What is wrong with this machine: \`standin doctor\`.
`;
