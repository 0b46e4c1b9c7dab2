import { isCancel, select } from '@clack/prompts';
import type { SecretResponse } from '../../client/client.ts';
import { canAsk } from '../confirm.ts';
import { CliFailure, wrongUsage } from '../failure.ts';
import type { Io } from '../io.ts';
import { keepingTerminal } from '../keep-terminal.ts';
import type { Agent } from './agents.ts';

/**
 * Which stored secret goes into which of the agent's variables. What was given with `-s` is taken as it is. Otherwise
 * for each provider that it can work with: the one secret of it; where there are several, a person is asked. Throws
 * where none is left, with the command that stores one.
 */
export async function chooseSecrets(
  io: Io,
  agent: Agent,
  { given, stored }: { given: Readonly<Record<string, string>>; stored: readonly SecretResponse[] },
): Promise<Record<string, string>> {
  if (agent.keys.some(({ variable }) => given[variable] !== undefined)) return given;
  const chosen: Record<string, string> = {};
  for (const { variable, provider } of agent.keys) {
    const names = stored.filter((each) => each.provider_shortcut === provider).map(({ name }) => name);
    const [only] = names;
    if (only === undefined) continue;
    chosen[variable] = names.length === 1 ? only : await chooseOne(io, { agent, variable, names });
  }
  const [first] = agent.keys;
  if (Object.keys(chosen).length === 0 && first !== undefined) {
    const wanted = agent.keys.map(({ provider }) => provider).join(', ');
    throw new CliFailure(`${agent.display} needs a key of ${wanted}, and none is stored`, {
      fix: `store one with \`standin secret create ${first.provider} --provider ${first.provider}\``,
    });
  }
  return { ...chosen, ...given };
}

async function chooseOne(
  io: Io,
  { agent, variable, names }: { agent: Agent; variable: string; names: readonly string[] },
): Promise<string> {
  if (!canAsk(io)) {
    throw wrongUsage(
      `several secrets could be the key of ${agent.display}: ${names.join(', ')}`,
      `say which: -s ${variable}=${names[0]}`,
    );
  }
  const answer = await keepingTerminal(io, () =>
    select({
      message: `Which secret is ${variable}?`,
      options: names.map((name) => ({ value: name, label: name })),
      input: io.stdin,
      output: io.stderr,
    }),
  );
  if (isCancel(answer)) throw new CliFailure('nothing was run');
  return answer;
}
