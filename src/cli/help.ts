import { styleText } from 'node:util';

/** How `--help` looks; commander takes the codes out again where there is no terminal. */
export const helpStyles = {
  styleTitle: (text: string) => styleText('bold', text, { validateStream: false }),
  styleCommandText: (text: string) => styleText('cyan', text, { validateStream: false }),
  styleOptionText: (text: string) => styleText('cyan', text, { validateStream: false }),
  styleSubcommandText: (text: string) => styleText('cyan', text, { validateStream: false }),
};

/** What somebody who has just installed it types, one after the other. */
export const firstSteps = `
First steps:
  1  standin serve                                                 start the server; leave it running
  2  standin secret create anthropic-prod --provider anthropic     store a key; its value is asked for
  3  standin run -s ANTHROPIC_API_KEY=anthropic-prod -- COMMAND    run something that uses it and never sees it

\`standin COMMAND --help\` has examples. What is wrong with this machine: \`standin doctor\`.
`;
