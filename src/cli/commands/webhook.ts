import type { Command } from 'commander';
import { addCommand, addGroup, yesOption } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { confirmDestruction } from '../confirm.ts';

/** `standin webhook …` */
export function addWebhookCommands(program: Command, cli: Cli): void {
  const webhook = addGroup(program, 'webhook', {
    summary: 'where tripwire events of your team are sent',
    examples: [
      ['standin webhook create https://hooks.example.com/standin', 'be told when a stand-in is seen out of place'],
    ],
  });
  addCommand(webhook, {
    usage: 'create <url>',
    summary: 'send events to a URL; the secret that signs them is printed this once',
    examples: [['standin webhook create https://hooks.example.com/standin', 'signed as Standard Webhooks has it']],
  }).action(async (url: string, options: CommonOptions) => {
    const output = cli.output(options);
    const created = await cli.connect().webhooks.create({ url });
    output.result(created, () => {
      output.line(created.secret);
      output.note(`webhook ${created.id} for ${created.url}; its secret is not shown again`);
    });
  });

  addCommand(webhook, {
    usage: 'list',
    summary: 'list the webhooks, never their secrets',
    examples: [['standin webhook list', 'newest first']],
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const output = cli.output(options);
      const webhooks = await cli.connect().webhooks.list();
      output.result(webhooks, () =>
        output.table(
          webhooks,
          [
            { title: 'ID', of: (row) => row.id, keep: true },
            { title: 'URL', of: (row) => row.url },
            { title: 'EVENTS', of: (row) => row.events.join(', ') },
            { title: 'CREATED', of: (row) => output.time(row.created_at) },
          ],
          { empty: 'no webhooks; add one with `standin webhook create URL`' },
        ),
      );
    });

  addCommand(webhook, {
    usage: 'delete <id>',
    summary: 'send no more to a webhook; what waits for it is dropped',
    examples: [['standin webhook delete 7b0c4f8e-…', 'as `standin webhook list` shows it']],
  })
    .alias('rm')
    .addOption(yesOption())
    .action(async (id: string, options: CommonOptions & { yes?: boolean }) => {
      const output = cli.output(options);
      await confirmDestruction(cli.io, `Delete the webhook ${id}? What waits for it is dropped.`, options.yes);
      await cli.connect().webhooks.remove(id);
      output.result({ id, deleted: true }, () => output.line(`deleted ${id}`));
    });

  addCommand(webhook, {
    usage: 'test <id>',
    summary: 'send a test event to a webhook',
    examples: [['standin webhook test 7b0c4f8e-…', 'its type is "test"']],
  }).action(async (id: string, options: CommonOptions) => {
    const output = cli.output(options);
    const queued = await cli.connect().webhooks.test(id);
    output.result(queued, () => output.line(`queued ${queued.delivery_id}`));
  });
}
