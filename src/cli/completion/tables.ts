/** Where the words for a place come from. */
export type Source =
  | 'secrets'
  | 'sandboxes'
  | 'providers'
  | 'drivers'
  | 'templates'
  | 'keys'
  | 'webhooks'
  /** Variables of the sandbox that was named before. */
  | 'bound'
  /** Variables of the caller's environment. */
  | 'environment'
  /** `KEY=secret`: variables that agents know, then secrets. */
  | 'binding'
  | 'variables'
  /** `sandbox:` or a file. */
  | 'places'
  /** Agents that `run` knows, or a program. */
  | 'commands'
  | 'files'
  | 'none';

/** Options by their long name; those with a fixed list of choices say so themselves. */
export const optionSources: Readonly<Record<string, Source>> = {
  '--secret': 'binding',
  '--provider': 'providers',
  '--driver': 'drivers',
  '--template': 'templates',
  '--from-env': 'environment',
  '--auth-file': 'files',
  '--config': 'files',
  '--mount': 'files',
  '--working-dir': 'none',
  '--data-dir': 'files',
  '--egress-ca-file': 'files',
};

/** Arguments by the command's words and the argument's name; `*` for every command of a group. */
export const argumentSources: Readonly<Record<string, Source>> = {
  'secret create name': 'none',
  'secret import file': 'files',
  'secret * name': 'secrets',
  'sandbox create name': 'none',
  'sandbox cp from': 'places',
  'sandbox cp to': 'places',
  'sandbox attach KEY=secret': 'binding',
  'sandbox detach key': 'bound',
  'sandbox exec command': 'none',
  'sandbox * id': 'sandboxes',
  'sandbox preview * id': 'sandboxes',
  'provider list part': 'providers',
  'key revoke id': 'keys',
  'webhook * id': 'webhooks',
  'run command': 'commands',
};
