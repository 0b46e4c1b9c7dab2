import type { Command } from 'commander';
import type { Client, RequestExplanation } from '../../client/client.ts';
import { addCommand, repeatable } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { CliFailure, exitCodes, wrongUsage } from '../failure.ts';
import { shortTime } from '../times.ts';
import type { Output } from '../output.ts';
import { printable } from '../text.ts';

/** `standin explain`, and `standin secret test` beside the others of its group. */
export function addExplainCommands(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'explain [id]',
    summary: 'say why a request was swapped, passed on or refused, and where its time went',
    examples: [
      ['standin explain', 'the newest request'],
      ['standin explain --refused', 'the newest that was refused'],
      ['standin explain 48210', 'the id stands in `standin secret audit` and `standin sandbox log`'],
      ['standin explain 48210 --json', 'every detail that was put down'],
    ],
  })
    .option('--refused', 'without an id: the newest request that was refused')
    .action(async (text: string | undefined, options: ExplainOptions) => {
      const asked = readId(text, options);
      const client = cli.connect();
      const explained = await client.requests.explain(asked ?? (await newest(client, options)));
      const output = cli.output(options);
      output.result(explained, () => show(output, explained));
    });

  const secret = program.commands.find((each) => each.name() === 'secret');
  if (secret === undefined) throw new TypeError('there is no `secret` yet');
  addCommand(secret, {
    usage: 'test <name>',
    summary: 'whether the key works, by one harmless call to its provider; exits 1 where it does not',
    examples: [
      ['standin secret test openai', "the provider's own call that tells"],
      ['standin secret test intern --url https://api.example.com/me', 'another, at a host of the secret'],
      [
        "standin secret test openai --dry --url https://api.openai.com/v1/models --header 'Authorization: Bearer {{stand_in}}'",
        'would a request like this be swapped? nothing is sent',
      ],
    ],
  })
    .option('--url <url>', 'where to, at a host of the secret; https://user@host/ gives a user name for Basic')
    .option('--method <method>', 'GET, HEAD or OPTIONS; with --dry any')
    .option('--dry', 'only judge the request, as the proxy would')
    .addOption(repeatable('--header <name: value>', 'with --dry: a header; {{stand_in}} stands for the stand-in'))
    .action(async (name: string, options: TestOptions) => {
      const output = cli.output(options);
      if (options.dry === true) await judge(cli, output, { name, options });
      else await test(cli, output, { name, options });
    });
}

interface ExplainOptions extends CommonOptions {
  refused?: boolean;
}

function readId(text: string | undefined, { refused }: ExplainOptions): number | null {
  if (text === undefined) return null;
  if (refused === true) throw wrongUsage('an id and --refused say the same', 'give one of them');
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw wrongUsage(`${text} is no id of a row`, '`standin secret audit <name>` shows them');
}

async function newest(client: Client, { refused }: ExplainOptions): Promise<number> {
  const { data } = await client.requests.list({
    limit: 1,
    kind: 'request',
    ...(refused === true ? { verdict: 'blocked' } : {}),
  });
  const [row] = data;
  if (row !== undefined) return row.id;
  throw new CliFailure(refused === true ? 'no request was refused yet' : 'no sandbox has made a request yet', {
    fix: 'make one with `standin run -s VARIABLE=secret -- COMMAND`',
  });
}

interface TestOptions extends CommonOptions {
  url?: string;
  method?: string;
  dry?: boolean;
  header?: string[];
}

async function test(cli: Cli, output: Output, { name, options }: { name: string; options: TestOptions }) {
  const { url, method } = options;
  const call = { ...(url === undefined ? {} : { url }), ...(method === undefined ? {} : { method }) };
  const found = await cli.connect().secrets.test(name, call);
  const word = found.works === true ? 'works' : found.works === false ? 'does not work' : 'unknown';
  const colour = found.works === true ? 'green' : found.works === false ? 'red' : 'yellow';
  output.result(found, () => {
    output.line(`${output.style(colour, word)}: ${printable(found.explanation)}`);
    const took = found.latency_ms === null ? '' : ` in ${found.latency_ms} ms`;
    output.note(`${found.method} https://${found.host}${found.path}${took}`);
  });
  if (found.works === false) cli.exitWith(exitCodes.failed);
}

async function judge(cli: Cli, output: Output, { name, options }: { name: string; options: TestOptions }) {
  if (options.url === undefined) throw wrongUsage('--dry wants --url', 'say where the request goes');
  const headers = Object.fromEntries((options.header ?? []).map(headerOf));
  const { url, method } = options;
  const found = await cli
    .connect()
    .secrets.explain(name, { url, headers, ...(method === undefined ? {} : { method }) });
  output.result(found, () => {
    output.line(
      `${output.style(found.outcome === 'swapped' ? 'green' : 'yellow', found.outcome)}: ${printable(found.explanation)}`,
    );
    for (const line of found.would_send) output.line(`  ${printable(line)}`);
    if (found.refused !== null) output.line(`to cure it, ${printable(found.refused.cure)}`);
  });
  if (found.outcome !== 'swapped') cli.exitWith(exitCodes.failed);
}

function headerOf(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw wrongUsage(`--header ${text}`, "must be 'Name: value'");
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

const stepWords: Record<RequestExplanation['steps'][number]['name'], string> = {
  judged: 'judged',
  value_opened: 'value opened',
  dialled: 'dialled',
  tls: 'TLS',
  connected: 'connection taken',
  first_byte: 'first byte',
  body: 'body',
};

function show(output: Output, { request, text, steps }: RequestExplanation): void {
  const what =
    request.kind === 'tripwire' ? 'tripwire' : `${request.method ?? ''} https://${request.host}${request.path ?? ''}`;
  // Sandboxes choose paths, and upstreams a part of the words.
  output.line(output.style('bold', printable(`${shortTime(request.ts)}  ${what}  ${request.status ?? ''}`.trimEnd())));
  for (const sentence of text) output.line(printable(sentence));
  if (steps.length === 0) return;
  output.line();
  output.fields(steps.map(({ name, ms }): [string, string] => [stepWords[name], `${ms.toFixed(1)} ms`]));
}
