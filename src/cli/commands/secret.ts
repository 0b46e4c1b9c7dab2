import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { SecretBinding } from '../../client/client.ts';
import type { Answer, RequestBody } from '../../contract/operations.ts';
import { createSecretRequest } from '../../contract/schemas/secrets.ts';
import { addCommand, addGroup, repeatable, yesOption } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { canAsk, confirmDestruction } from '../confirm.ts';
import { messageOf, wrongUsage } from '../failure.ts';
import { aboutSecret } from '../near.ts';
import type { Output } from '../output.ts';
import { readValue, refuseArgument } from '../read-value.ts';
import { printable } from '../text.ts';
import { addImportCommand } from './secret-import.ts';
import { addSecretAuditCommand } from './secret-audit.ts';

type SecretAnswer = Answer<'getSecret'>;
type Auth = NonNullable<RequestBody<'createSecret'>['auth']>;

interface ValueOptions extends CommonOptions {
  fromStdin?: boolean;
  fromEnv?: string;
  value?: string | true;
}

interface CreateOptions extends ValueOptions {
  provider?: string;
  host?: string[];
  auth?: 'bearer' | 'basic' | 'api-key' | 'custom';
  username?: string;
  header?: string[];
  prefix?: string;
  authFile?: string;
  onTripwire?: 'alert' | 'revoke';
}

/** `standin secret …` */
export function addSecretCommands(program: Command, cli: Cli): void {
  const secret = addGroup(program, 'secret', {
    summary: 'the credentials that the vault keeps',
    examples: [
      ['standin secret create anthropic-prod --provider anthropic', 'asks for the value'],
      ['standin secret list', 'never the values'],
      ['standin secret audit anthropic-prod', 'what it was used for'],
    ],
  });
  addCreate(secret, cli);
  addImportCommand(secret, cli);
  addList(secret, cli);
  addGet(secret, cli);
  addRotate(secret, cli);
  addTripwire(secret, cli);
  addDelete(secret, cli);
  addSecretAuditCommand(secret, cli);
  addSandboxes(secret, cli);
}

function addCreate(secret: Command, cli: Cli): void {
  const command = addCommand(secret, {
    usage: 'create <name>',
    summary: 'store a credential; its value is asked for, never an argument',
    examples: [
      ['standin secret create anthropic-prod --provider anthropic', 'asks for the value'],
      ['pass show gh | standin secret create github-bot --provider github --from-stdin', 'from a pipe'],
      ['standin secret create crm --host crm.example.com --auth api-key --header X-Api-Key', 'a host of your own'],
      ["standin secret create sig --host a.example.com --auth custom --header 'X-Sig: v1 {{ value }}'", 'a template'],
    ],
  })
    .option('--provider <name>', 'a shortcut of the catalogue (`standin provider list`)')
    .addOption(repeatable('--host <name>', 'a host it may be sent to, or *.suffix'))
    .addOption(new Option('--auth <type>', 'how it is sent').choices(['bearer', 'basic', 'api-key', 'custom']))
    .option('--username <name>', 'for basic: the user name; without it the client keeps its own')
    .addOption(repeatable('--header <name>', "for api-key: the header; for custom: 'Name: template with {{ value }}'"))
    .option('--prefix <text>', 'for api-key: what stands before the value, kept to the byte')
    .addOption(
      new Option('--on-tripwire <action>', 'when its stand-in is seen out of place').choices(['alert', 'revoke']),
    )
    .option('--auth-file <file>', 'the rule as JSON, for {"per_host": [...]}');
  valueOptions(command).action(async (name: string, options: CreateOptions, { args }: Command) => {
    const output = cli.output(options);
    const fromStdin = judgeValueArguments(args.slice(1), options);
    const auth = readAuth(options);
    if (options.provider !== undefined && (auth !== undefined || options.host !== undefined)) {
      throw wrongUsage('--provider says by itself where and how', 'leave out --auth, --auth-file and --host');
    }
    if (options.provider === undefined && (auth === undefined || options.host === undefined)) {
      throw wrongUsage('it is not said where the value may go and how', 'give --provider, or --host with --auth');
    }
    const client = cli.connect();
    const created = await client.secrets.create({
      name,
      value: await readValue(cli.io, { ...options, fromStdin, prompt: `Value of ${name}` }),
      provider: options.provider,
      auth,
      hosts: options.host,
      on_tripwire: options.onTripwire,
    });
    output.result(created, () => {
      output.line(`stored ${created.name} for ${created.hosts.join(', ')}`);
      output.note(`use it: standin run -s ${options.fromEnv ?? 'VARIABLE'}=${created.name} -- COMMAND`);
    });
  });
}

function addList(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'list',
    summary: 'list the stored credentials, never their values',
    examples: [['standin secret list', 'newest first']],
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const output = cli.output(options);
      const secrets = await cli.connect().secrets.list();
      output.result(secrets, () =>
        output.table(
          secrets,
          [
            { title: 'NAME', of: (row) => row.name, keep: true },
            { title: 'SENT AS', of: (row) => row.provider_shortcut ?? row.auth_type },
            { title: 'HOSTS', of: (row) => row.hosts.join(', ') },
            { title: 'UPDATED', of: (row) => output.time(row.updated_at) },
            { title: 'LAST USED', of: (row) => output.time(row.last_used_at) },
          ],
          { empty: 'no secrets; store one with `standin secret create NAME --provider PROVIDER`' },
        ),
      );
    });
}

function addGet(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'get <name>',
    summary: 'print where and how a credential is sent',
    examples: [['standin secret get github-bot', 'hosts and rule']],
  }).action(async (name: string, options: CommonOptions) => {
    const client = cli.connect();
    const found = await aboutSecret(client, name, client.secrets.get(name));
    showSecret(cli.output(options), found);
  });
}

function addRotate(secret: Command, cli: Cli): void {
  const command = addCommand(secret, {
    usage: 'rotate <name>',
    summary: 'replace the value; running sandboxes use it from their next request on',
    examples: [
      ['standin secret rotate github-bot', 'asks for the new value'],
      ['standin secret rotate github-bot --from-env NEW_TOKEN', 'from a variable'],
    ],
  });
  valueOptions(command).action(async (name: string, options: ValueOptions, { args }: Command) => {
    const output = cli.output(options);
    const fromStdin = judgeValueArguments(args.slice(1), options);
    const client = cli.connect();
    // Before somebody looks up and types a value for a name that is not there.
    await aboutSecret(client, name, client.secrets.get(name));
    const value = await readValue(cli.io, { ...options, fromStdin, prompt: `New value of ${name}` });
    const rotated = await client.secrets.rotate(name, value);
    output.result(rotated, () => output.line(`rotated ${rotated.name}`));
  });
}

function addTripwire(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'tripwire <name> <action>',
    summary: 'choose what a stand-in of it out of place does: alert, or revoke that binding',
    examples: [['standin secret tripwire github-bot revoke', 'the stand-in stops working where it was seen']],
  }).action(async (name: string, action: string, options: CommonOptions) => {
    const output = cli.output(options);
    if (action !== 'alert' && action !== 'revoke') throw wrongUsage(`${action} is no action`, 'give alert or revoke');
    const client = cli.connect();
    const found = await aboutSecret(client, name, client.secrets.setOnTripwire(name, action));
    output.result(found, () => output.line(`${found.name}: ${found.on_tripwire} on a tripwire`));
  });
}

function addDelete(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'delete <name>',
    summary: 'revoke a credential everywhere at once; its audit trail stays',
    examples: [['standin secret delete github-bot', 'the name is free again']],
  })
    .alias('rm')
    .addOption(yesOption())
    .action(async (name: string, options: CommonOptions & { yes?: boolean }) => {
      const output = cli.output(options);
      const client = cli.connect();
      if (canAsk(cli.io) && options.yes !== true) {
        const bindings = await aboutSecret(client, name, client.secrets.sandboxes(name));
        await confirmDestruction(cli.io, deleteQuestion(name, bindings), options.yes);
      }
      await aboutSecret(client, name, client.secrets.remove(name));
      output.result({ name, deleted: true }, () => output.line(`deleted ${name}`));
    });
}

function addSandboxes(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'sandboxes <name>',
    summary: 'list the sandboxes that hold a stand-in for a credential',
    examples: [['standin secret sandboxes github-bot', 'before it is deleted']],
  }).action(async (name: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const bindings = await aboutSecret(client, name, client.secrets.sandboxes(name));
    output.result(bindings, () =>
      output.table(
        bindings,
        [
          { title: 'SANDBOX', of: (row) => row.sandbox_id, keep: true },
          { title: 'NAME', of: (row) => row.sandbox_name },
          { title: 'VARIABLE', of: (row) => row.env_key },
          { title: 'STATUS', of: (row) => row.status },
        ],
        { empty: 'bound in no sandbox' },
      ),
    );
  });
}

const mostNamed = 8;

/** Who is hit: each sandbox by name, with the variable that stops working. */
function deleteQuestion(name: string, bindings: readonly SecretBinding[]): string {
  if (bindings.length === 0) return `Delete ${name}? No sandbox holds a stand-in for it.`;
  const named = bindings.slice(0, mostNamed).map((each) => printable(`${each.sandbox_name} (${each.env_key})`));
  const more = bindings.length > mostNamed ? ` and ${bindings.length - mostNamed} more` : '';
  return `Delete ${name}? It stops working at once in ${named.join(', ')}${more}.`;
}

function valueOptions(command: Command): Command {
  return command
    .allowExcessArguments()
    .option('--from-stdin', 'read the value from stdin (as does `-` after the name)')
    .option('--from-env <variable>', 'read the value from a variable of your environment')
    .addOption(new Option('--value [value]').hideHelp());
}

/** True where the value comes from stdin; refuses one that was typed. */
function judgeValueArguments(value: string[], options: ValueOptions): boolean {
  if (value.length === 1 && value[0] === '-') return true;
  refuseArgument(value[0] ?? options.value);
  return options.fromStdin === true;
}

function readAuth(options: CreateOptions): Auth | undefined {
  const { auth, authFile, username, prefix, header = [] } = options;
  if (authFile !== undefined) {
    if (auth !== undefined) throw wrongUsage('--auth and --auth-file say the same', 'give one of them');
    return readAuthFile(authFile);
  }
  if (username !== undefined && auth !== 'basic') throw wrongUsage('--username is for --auth basic');
  if (prefix !== undefined && auth !== 'api-key') throw wrongUsage('--prefix is for --auth api-key');
  if (header.length > 0 && auth !== 'api-key' && auth !== 'custom') {
    throw wrongUsage('--header is for --auth api-key and --auth custom');
  }
  if (auth === undefined || auth === 'bearer') return auth && { type: auth };
  if (auth === 'basic') return { type: auth, username };
  if (auth === 'custom') return { type: auth, headers: Object.fromEntries(header.map(splitHeader)) };
  const [name, ...more] = header;
  if (name === undefined || more.length > 0) throw wrongUsage('--auth api-key takes one --header NAME');
  return { type: auth, header: name, prefix };
}

function readAuthFile(path: string): Auth {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw wrongUsage(`--auth-file ${path} is not a JSON file that can be read (${messageOf(error)})`);
  }
  const { success, data, error } = createSecretRequest.shape.auth.unwrap().safeParse(content);
  if (success) return data;
  const [issue] = error.issues;
  throw wrongUsage(`--auth-file ${path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
}

function splitHeader(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw wrongUsage(`--header ${text} has no template`, "write it as 'Name: text with {{ value }}'");
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

function showSecret(output: Output, secret: SecretAnswer): void {
  output.result(secret, () =>
    output.fields([
      ['name', secret.name],
      ['id', secret.id],
      ['provider', secret.provider_shortcut],
      ['hosts', secret.hosts.join(', ')],
      ['rule', JSON.stringify(secret.auth_config)],
      ['on tripwire', secret.on_tripwire],
      ['created', output.time(secret.created_at)],
      ['updated', output.time(secret.updated_at)],
      ['last used', output.time(secret.last_used_at)],
    ]),
  );
}
