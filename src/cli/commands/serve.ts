import { Option } from 'commander';
import type { Command } from 'commander';
import { settings } from '../../config-settings.ts';
import type { Config } from '../../config-settings.ts';
import { addCommand } from '../command.ts';
import type { Cli } from '../command.ts';

/** `standin serve`: each setting of `config.ts` is a flag. */
export function addServeCommand(program: Command, cli: Cli): void {
  const command = addCommand(program, {
    usage: 'serve',
    summary: 'run the server: API, egress proxy and sandboxes',
    examples: [
      ['standin serve', 'with a database, a key file and a CA of its own'],
      ['standin serve --api-listen 0.0.0.0:8787', 'reachable from other machines'],
      ['standin serve --config /etc/standin.conf', 'settings from a file'],
    ],
  }).option('--config <file>', 'lines of NAME=value, the names being those of the environment (STANDIN_CONFIG)');
  for (const { flag, help, env, fallback, fallbackHelp } of settings) {
    const shown = fallbackHelp ?? fallback() ?? 'none';
    command.addOption(new Option(`${flag} <value>`, `${help} (${env}; default: ${shown})`));
  }
  command.action(async (options: Record<string, string | undefined>) => {
    const flags: Partial<Record<keyof Config, string>> = {};
    for (const { key, flag, env, secret } of settings) {
      const text = options[new Option(`${flag} <value>`).attributeName()];
      if (text === undefined) continue;
      if (secret === true && !text.startsWith('sqlite:'))
        cli.output({}).warn(`the process list shows ${flag}; better set ${env}`);
      flags[key] = text;
    }
    const file = options['config'];
    const json = options['json'] !== undefined;
    await cli.deps.serve({ flags, json, ...(file === undefined ? {} : { file }) });
  });
}
