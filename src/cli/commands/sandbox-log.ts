import { Option } from 'commander';
import type { Command } from 'commander';
import type { NetworkLog } from '../../client/client.ts';
import { addCommand, wholeNumber } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { shortTime } from '../output.ts';

interface LogOptions extends CommonOptions {
  limit: number;
  before?: string;
  since?: string;
  verdict?: 'allowed' | 'blocked' | 'failed';
}

/** `standin sandbox log`: what left a sandbox. */
export function addLogCommand(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'log <id>',
    summary: 'connections and requests that left a sandbox, newest first',
    examples: [
      ['standin sandbox log 7b0c4f8e-…', 'the newest'],
      ['standin sandbox log 7b0c4f8e-… --verdict blocked', 'where it was not let through, and by which rule'],
    ],
  })
    .addOption(new Option('--limit <rows>', 'up to 200').argParser(wholeNumber(1, 200)).default(50))
    .option('--before <cursor>', 'older ones: the cursor that the last page ended with, or a time')
    .option('--since <time>', 'RFC 3339: those from then on')
    .addOption(new Option('--verdict <verdict>', 'connections with it').choices(['allowed', 'blocked', 'failed']))
    .action(async (id: string, { limit, before, since, verdict, ...options }: LogOptions) => {
      const output = cli.output(options);
      const page = await cli.connect().sandboxes.network(id, { limit, before, since, verdict });
      output.result(page, () => {
        output.table(
          page.data,
          [
            { title: 'TIME', of: (row) => shortTime(row.ts) },
            { title: 'WHAT', of: (row) => (row.kind === 'connection' ? 'connection' : row.method) },
            {
              title: 'HOST',
              of: (row) =>
                row.dst_port === undefined || row.dst_port === null ? row.host : `${row.host}:${row.dst_port}`,
            },
            { title: 'CAME TO', of: outcomeOf },
            { title: 'DETAIL', of: detailOf },
          ],
          { empty: 'nothing left it' },
        );
        if (page.next_cursor !== null) output.note(`older: --before ${page.next_cursor}`);
      });
    });
}

type Row = NetworkLog['data'][number];

function outcomeOf(row: Row): string {
  if (row.kind === 'connection') return row.verdict ?? '';
  return row.error_code ?? String(row.status ?? '');
}

function detailOf(row: Row): string {
  if (row.kind === 'request')
    return `${row.path ?? ''}${row.latency_ms === null || row.latency_ms === undefined ? '' : ` ${row.latency_ms} ms`}`;
  const bytes = `${row.bytes_sent ?? 0} B out, ${row.bytes_recv ?? 0} B in`;
  return row.match_rule === null || row.match_rule === undefined ? bytes : `${bytes}, ${row.match_rule}`;
}
