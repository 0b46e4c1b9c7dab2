import { Option } from 'commander';
import type { Command } from 'commander';
import type { AuditEvent } from '../../client/client.ts';
import { addCommand, wholeNumber } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { wrongUsage } from '../failure.ts';
import { follow } from '../follow.ts';
import { aboutSecret } from '../near.ts';
import type { Column } from '../table.ts';
import { shortTime } from '../times.ts';

interface AuditOptions extends CommonOptions {
  limit: number;
  before?: number;
  status?: '2xx' | '3xx' | '4xx' | '5xx' | 'errors';
  kind: 'request' | 'tripwire' | 'all';
  follow?: boolean;
}

/** `standin secret audit`: what a credential was used for. */
export function addSecretAuditCommand(secret: Command, cli: Cli): void {
  addCommand(secret, {
    usage: 'audit <name>',
    summary: 'print what a credential was used for and where its stand-ins should not have been, newest first',
    examples: [
      ['standin secret audit github-bot', 'the last 50'],
      ['standin secret audit github-bot --follow', 'as it is used, the newest last'],
      ['standin secret audit github-bot --status errors', 'what failed or was refused'],
      ['standin secret audit github-bot --kind tripwire', 'where its stand-ins should not have been'],
    ],
  })
    .option('-f, --follow', 'go on with what comes; with --json a line for each event')
    .addOption(new Option('--limit <number>', '1 to 200').default(50).argParser(wholeNumber(1, 200)))
    .addOption(new Option('--before <id>', 'older than this event').argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER)))
    .addOption(new Option('--status <class>', 'only these').choices(['2xx', '3xx', '4xx', '5xx', 'errors']))
    .addOption(new Option('--kind <kind>', 'only these').choices(['request', 'tripwire', 'all']).default('all'))
    .action(async (name: string, options: AuditOptions) => {
      const output = cli.output(options);
      const { limit, before, status, kind } = options;
      if (options.follow === true && before !== undefined) {
        throw wrongUsage('--follow shows what is new, --before what is old', 'give one of them');
      }
      const client = cli.connect();
      if (options.follow !== true) {
        const events = await aboutSecret(client, name, client.secrets.audit(name, { limit, before, status, kind }));
        output.result(events, () => output.table(events, columns(output.time), { empty: 'not used yet' }));
        return;
      }
      const show = output.growingTable(columns(shortTime));
      await follow<AuditEvent>(cli.io, {
        page: async (older) => {
          const cursor = older === null ? undefined : Number(older);
          const rows = await aboutSecret(
            client,
            name,
            client.secrets.audit(name, { limit, before: cursor, status, kind }),
          );
          return { rows, older: rows.length < limit ? null : String(rows.at(-1)?.id ?? '') };
        },
        keyOf: (event) => String(event.id),
        print: (events) => (output.json ? events.forEach((each) => output.line(JSON.stringify(each))) : show(events)),
        lost: () => output.warn('the server does not answer; still asking'),
      });
    });
}

function columns(time: (text: string) => string | null): Column<AuditEvent>[] {
  return [
    { title: 'ID', of: (row) => row.id, align: 'right' },
    { title: 'TIME', of: (row) => time(row.ts), keep: true },
    { title: 'SANDBOX', of: (row) => row.sandbox_name ?? row.sandbox_id },
    {
      title: 'REQUEST',
      of: (row) =>
        [row.tripwire?.slot ?? row.method, row.host + (row.path ?? '')].filter((part) => part !== null).join(' '),
    },
    { title: 'STATUS', of: (row) => row.status, align: 'right' },
    { title: 'UPSTREAM', of: (row) => row.upstream_status, align: 'right' },
    { title: 'MS', of: (row) => (row.latency_ms === null ? null : Math.round(row.latency_ms)), align: 'right' },
    { title: 'REFUSED AS', of: (row) => row.error_code, optional: true },
    {
      title: 'TRIPWIRE',
      of: (row) => (row.tripwire === undefined ? null : tripwireWords(row.tripwire)),
      optional: true,
    },
  ];
}

function tripwireWords({ stand_in: standIn, action }: NonNullable<AuditEvent['tripwire']>): string {
  return `${standIn === 'leaked' ? 'leaked to another sandbox' : 'out of place'}${action === 'revoke' ? ', revoked' : ''}`;
}
