import { compileSandbox } from '../../src/egress/inject-plan.ts';
import { buildRequestHead } from '../../src/egress/inject-head.ts';
import { judgeCredentials } from '../../src/egress/inject.ts';
import { resolveRequest } from '../../src/egress/target.ts';
import { findHeadEnd } from '../../src/egress/wire/head-end.ts';
import { parseRequestHead } from '../../src/egress/wire/http1-request.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';
import { makeCore } from '../../src/stand-in.ts';

/** What a request's head costs: parsing, judging, writing. Prints microseconds a head, the median of several rounds. */
const standIn = `sk-ant-api03-${makeCore('text')}${'x'.repeat(63)}`;
const head = Buffer.from(
  [
    'POST /v1/messages HTTP/1.1',
    'Accept: application/json',
    'Content-Type: application/json',
    'User-Agent: Anthropic/JS 1.12.0',
    'X-Stainless-Retry-Count: 0',
    'X-Stainless-Timeout: 600',
    'X-Stainless-Lang: js',
    'X-Stainless-Package-Version: 1.12.0',
    'X-Stainless-OS: Linux',
    'X-Stainless-Arch: x64',
    'X-Stainless-Runtime: node',
    'X-Stainless-Runtime-Version: v26.0.0',
    `X-Api-Key: ${standIn}`,
    'anthropic-version: 2023-06-01',
    'Host: api.anthropic.com',
    'Connection: keep-alive',
    'Accept-Encoding: gzip, deflate',
    'Content-Length: 812',
    '',
    '',
  ].join('\r\n'),
  'latin1',
);
const header = { name: 'x-api-key', before: '', after: '' };
const sandbox = compileSandbox({
  id: 'a',
  teamId: 'b',
  proxyTokenHash: '',
  network: { allowOut: [], denyOut: [] },
  bindings: [
    {
      id: 'binding',
      envKey: 'ANTHROPIC_API_KEY',
      standIn,
      secretId: 'secret',
      secretName: 'anthropic',
      version: 1,
      state: 'live',
      rules: [{ hosts: ['api.anthropic.com'], slots: [{ kind: 'header', ...header, set: [header] }] }],
    },
  ],
});
const values = [Buffer.from('sk-ant-api03-'.padEnd(108, 'v'))];
const destination = { host: 'api.anthropic.com', port: 443, scheme: 'https', isAddress: false } as const;

function parse() {
  const end = findHeadEnd(head, 0);
  const parsed = end instanceof WireError ? end : parseRequestHead(head, 0, end);
  if (parsed instanceof WireError) throw new Error(parsed.reason);
  return parsed;
}

function judge() {
  const parsed = parse();
  const target = resolveRequest(destination, parsed);
  if ('refused' in target) throw new Error(target.refused.message);
  const judgement = judgeCredentials(sandbox, { head: parsed, target });
  if (judgement.kind !== 'inject') throw new Error(judgement.kind);
  return { parsed, target, judgement };
}

function whole() {
  const { parsed, target, judgement } = judge();
  return buildRequestHead(parsed, { path: target.path, swaps: judgement.swaps, values });
}

const size = head.length;
for (const [name, work] of Object.entries({ parse, 'parse, judge': judge, 'parse, judge, write': whole })) {
  const rounds = Array.from({ length: 7 }, () => time(work));
  process.stdout.write(
    `${name.padEnd(22)} ${(rounds.toSorted((a, b) => a - b)[3] ?? 0).toFixed(2)} µs (${size} bytes)\n`,
  );
}

function time(work: () => unknown): number {
  const count = 50_000;
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) work();
  return Number(process.hrtime.bigint() - start) / count / 1000;
}
