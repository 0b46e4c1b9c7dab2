import { parseArgs } from 'node:util';
import { judge } from './judge.ts';
import { judgeNginx } from './judge-nginx.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { makeCase } from './make-case.ts';
import { minimise } from './minimise.ts';
import { startNginxReader } from './nginx-reader.ts';
import { storeCase } from './corpus.ts';
import { Tally, count, grouped, section } from './tally.ts';

/**
 * `npm run fuzz -- --cases 10000000 --seed 1 --from 0 --nginx 2000`: reads generated connections with our parsers, with
 * llhttp, and one in so many with nginx (0: none); ends with 1 if any two disagree. The same seed gives the same cases.
 */
const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    nginx: { type: 'string', default: '0' },
  },
});
const [cases, seed, from, every] = [values.cases, values.seed, values.from, values.nginx].map(wholeNumber);

/** Enough to see what is wrong; the rest is counted. */
const mostShown = 20;
const progressEvery = 1_000_000;

process.exitCode = await run({ cases: cases ?? 0, seed: seed ?? 0, from: from ?? 0, every: every ?? 0 });

async function run(options: { cases: number; seed: number; from: number; every: number }): Promise<number> {
  const nginx = options.every === 0 ? null : await startNginxReader();
  const tally = new Tally();
  const kinds = new Set<string>();
  const byNginx = { asked: 0, disagreements: 0, explained: new Map<string, number>() };
  const begun = performance.now();
  try {
    for (let index = options.from; index < options.from + options.cases; index++) {
      const fuzzed = makeCase(options.seed, index);
      const judged = judgeOrCatch(fuzzed, index);
      tally.add(judged);
      if (judged.disagreement !== null && !kinds.has(judged.disagreement.kind) && kinds.size < mostShown) {
        const { kind } = judged.disagreement;
        kinds.add(kind);
        show(
          minimise(fuzzed, (candidate) => judgeOrCatch(candidate, index).disagreement?.kind === kind),
          { kind, index },
        );
      }
      if (nginx !== null && fuzzed.side === 'request' && index % options.every === 0) {
        byNginx.asked++;
        const { disagreement, explained } = await judgeNginx(nginx, fuzzed);
        for (const name of new Set(explained)) count(byNginx.explained, name);
        if (disagreement !== null) {
          byNginx.disagreements++;
          if (byNginx.disagreements < mostShown) show(fuzzed, { kind: disagreement.kind, index });
        }
      }
      if (tally.cases % progressEvery === 0) process.stderr.write(`${grouped(tally.cases)} cases\n`);
    }
  } finally {
    await nginx?.stop();
  }
  const seconds = (performance.now() - begun) / 1000;
  print(`seed ${options.seed}, cases ${options.from} to ${options.from + options.cases - 1}`);
  print(`Node ${process.version}, llhttp ${process.versions['llhttp'] ?? ''}`);
  print(`${seconds.toFixed(1)} s, ${((seconds * 1e6) / options.cases).toFixed(1)} µs a case`);
  print(tally.report());
  if (nginx !== null) {
    print(
      `nginx was asked about ${grouped(byNginx.asked)} connections: ${grouped(byNginx.disagreements)} disagreements`,
    );
    print(section('nginx refuses, we do not, and explanations-nginx.ts says why (connections)', byNginx.explained));
  }
  return tally.disagreements + byNginx.disagreements === 0 ? 0 : 1;
}

/** A crash is a disagreement too. */
function judgeOrCatch(fuzzed: FuzzCase, index: number): ReturnType<typeof judge> {
  try {
    return judge(fuzzed);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return {
      disagreement: { kind: `throws: ${detail}`, message: 0, detail: `case ${index}` },
      ours: { messages: [], state: 'refused', refused: null, waiting: false },
      explained: [],
    };
  }
}

function show(fuzzed: FuzzCase, { kind, index }: { kind: string; index: number }): void {
  print(`case ${index}: ${kind}\n  ${fuzzed.side} ${JSON.stringify(fuzzed.bytes.toString('latin1'))}`);
  print(`  kept as ${storeCase(fuzzed, kind)}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${text} is not a whole number`);
  return value;
}
