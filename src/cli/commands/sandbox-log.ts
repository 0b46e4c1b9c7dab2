import { Option } from 'commander';
import type { Command } from 'commander';
import type { NetworkLog } from '../../client/client.ts';
import { addCommand, wholeNumber } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { wrongUsage } from '../failure.ts';
import { follow } from '../follow.ts';
import { findSandbox } from '../near.ts';
import type { Column } from '../table.ts';
import { bytes } from '../text.ts';
import { shortTime } from '../times.ts';

interface LogOptions extends CommonOptions {
  limit: number;
  before?: string;
  since?: string;
  verdict?: 'allowed' | 'blocked' | 'failed';
  follow?: boolean;
}

/** `standin sandbox log`: what left a sandbox. */
export function addLogCommand(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'log <id>',
    summary: 'connections and requests that left a sandbox, newest first',
    examples: [
      ['standin sandbox log agent', 'the newest'],
      ['standin sandbox log agent --follow', 'as they come, the newest last'],
      ['standin sandbox log agent --verdict blocked', 'where it was not let through, and by which rule'],
    ],
  })
    .option('-f, --follow', 'go on with what comes; with --json a line for each row')
    .addOption(new Option('--limit <rows>', 'up to 200').argParser(wholeNumber(1, 200)).default(50))
    .option('--before <cursor>', 'older ones: the cursor that the last page ended with, or a time')
    .option('--since <time>', 'RFC 3339: those from then on')
    .addOption(new Option('--verdict <verdict>', 'connections with it').choices(['allowed', 'blocked', 'failed']))
    .action(async (named: string, options: LogOptions) => {
      const output = cli.output(options);
      const { limit, before, since, verdict } = options;
      const client = cli.connect();
      if (options.follow === true && before !== undefined) {
        throw wrongUsage('--follow shows what is new, --before what is old', 'give one of them');
      }
      const id = await findSandbox(client, named);
      if (options.follow === true) {
        const show = output.growingTable(columns(shortTime));
        return await follow<Row>(cli.io, {
          page: async (older) => {
            const page = await client.sandboxes.network(id, { limit, before: older ?? undefined, since, verdict });
            return { rows: page.data, older: page.next_cursor };
          },
          keyOf: (row) => `${row.kind} ${row.id}`,
          print: (rows) => (output.json ? rows.forEach((row) => output.line(JSON.stringify(row))) : show(rows)),
          lost: () => output.warn('the server does not answer; still asking'),
        });
      }
      const page = await client.sandboxes.network(id, { limit, before, since, verdict });
      output.result(page, () => {
        output.table(page.data, columns(output.time), { empty: 'nothing left it' });
        if (page.next_cursor !== null) output.note(`older: --before ${page.next_cursor}`);
      });
    });
}

type Row = NetworkLog['data'][number];

function columns(time: (text: string) => string | null): Column<Row>[] {
  return [
    { title: 'TIME', of: (row) => time(row.ts), keep: true },
    { title: 'WHAT', of: (row) => (row.kind === 'connection' ? 'connection' : row.method), keep: true },
    {
      title: 'HOST',
      of: (row) => (row.dst_port === undefined || row.dst_port === null ? row.host : `${row.host}:${row.dst_port}`),
    },
    { title: 'CAME TO', of: outcomeOf, keep: true },
    { title: 'DETAIL', of: detailOf },
  ];
}

function outcomeOf(row: Row): string {
  if (row.kind === 'connection') return row.verdict ?? '';
  return row.error_code ?? String(row.status ?? '');
}

function detailOf(row: Row): string {
  if (row.kind === 'request')
    return `${row.path ?? ''}${row.latency_ms === null || row.latency_ms === undefined ? '' : ` ${row.latency_ms} ms`}`;
  const amount = `${bytes(row.bytes_sent ?? 0)} out, ${bytes(row.bytes_recv ?? 0)} in`;
  return row.match_rule === null || row.match_rule === undefined ? amount : `${amount}, ${row.match_rule}`;
}
