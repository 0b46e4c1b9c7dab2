import { Option } from 'commander';
import type { Command } from 'commander';
import { addCommand, addGroup, wholeNumber } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { findSandbox } from '../near.ts';

interface PublishOptions extends CommonOptions {
  access?: 'public' | 'private';
}
interface TokenOptions extends CommonOptions {
  expiresIn?: number;
}

const port = wholeNumber(1024, 65_535);

/** `standin sandbox preview …`: ports of a sandbox that can be seen from outside. */
export function addPreviewCommands(sandbox: Command, cli: Cli): void {
  const preview = addGroup(sandbox, 'preview', {
    summary: 'ports of a sandbox that can be seen from outside',
    examples: [['standin sandbox preview publish agent 8000', 'a server in it, for who has a token']],
  });

  addCommand(preview, {
    usage: 'publish <id> <port>',
    summary: 'publish a port, or change who may see it',
    examples: [['standin sandbox preview publish agent 8000 --access public', 'for whoever knows its name']],
  })
    .addOption(new Option('--access <access>', 'who may see it').choices(['public', 'private']))
    .action(async (named: string, text: string, { access, ...options }: PublishOptions) => {
      const output = cli.output(options);
      const client = cli.connect();
      const id = await findSandbox(client, named);
      const published = await client.previews.publish(id, { port: port(text), access });
      output.result(published, () => output.line(`published ${published.port}, ${published.access}`));
    });

  addCommand(preview, {
    usage: 'list <id>',
    summary: 'list the published ports',
    examples: [['standin sandbox preview list agent', 'with who may see each']],
  }).action(async (named: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const id = await findSandbox(client, named);
    const list = await client.previews.list(id);
    output.result(list, () =>
      output.table(
        list.ports,
        [
          { title: 'PORT', of: (row) => row.port, align: 'right' },
          { title: 'ACCESS', of: (row) => row.access },
          { title: 'TOKENS', of: (row) => `version ${row.token_version}` },
        ],
        { empty: 'no port is published' },
      ),
    );
  });

  addCommand(preview, {
    usage: 'token <id> <port>',
    summary: 'print a token for a private port, and how it is sent',
    examples: [['standin sandbox preview token agent 8000 --expires-in 3600', 'for an hour']],
  })
    .addOption(new Option('--expires-in <seconds>', 'how long it lasts').argParser(wholeNumber(1, 604_800)))
    .action(async (named: string, text: string, { expiresIn, ...options }: TokenOptions) => {
      const output = cli.output(options);
      const client = cli.connect();
      const id = await findSandbox(client, named);
      const token = await client.previews.token(id, port(text), expiresIn);
      output.result(token, () => {
        output.fields([
          ['header', `${token.header}: ${token.token}`],
          ['link', `https://${token.port}-${id}.<domain>/?${token.query_param}=${token.token}`],
          ['ends', token.expires_at ?? 'when it is rotated'],
        ]);
      });
    });

  addCommand(preview, {
    usage: 'rotate <id> <port>',
    summary: "make a port's tokens worthless",
    examples: [['standin sandbox preview rotate agent 8000', 'and print a new one with --json']],
  }).action(async (named: string, text: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const id = await findSandbox(client, named);
    const token = await client.previews.rotate(id, port(text));
    output.result(token, () => output.line(`the tokens of ${token.port} are worthless now`));
  });

  addCommand(preview, {
    usage: 'unpublish <id> <port>',
    summary: 'close a port; its tokens stop working',
    examples: [['standin sandbox preview unpublish agent 8000', 'at once']],
  }).action(async (named: string, text: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const id = await findSandbox(client, named);
    await client.previews.unpublish(id, port(text));
    output.result({ port: port(text), published: false }, () => output.line(`unpublished ${text}`));
  });
}
