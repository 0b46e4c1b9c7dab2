import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipWithout } from '../test/support/processes.ts';
import { compare } from './compare.ts';
import { describeMachine } from './machine.ts';
import { parseOptions, usage, UsageError } from './options.ts';
import type { BenchOptions } from './options.ts';
import { renderFigures, summariseFigures } from './own/figures.ts';
import type { OwnSummary } from './own/figures.ts';
import { ownScenarios } from './own/all.ts';
import { profile } from './profile/run.ts';
import { renderTable, summarise } from './report.ts';
import type { ScenarioSummary } from './report.ts';
import { isProfiled } from './scenarios.ts';
import { makeSetting } from './setting.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === 'help') console.log(usage);
    else await bench(options);
    return 0;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const note = (line: string) => void (options.json || console.log(line));
  if (skipWithout('nginx') !== false)
    throw new Error('nginx is missing, which is the upstream and the measure: apt-get install nginx');
  const setting = await makeSetting(note);
  const print = (summary: ScenarioSummary | OwnSummary, table: string) =>
    console.log(options.json ? JSON.stringify(summary) : `\n${table}`);
  try {
    const summaries: (ScenarioSummary | OwnSummary)[] = [];
    const comparisons = options.scenarios.filter((each) => each.kind === 'comparison');
    if (options.profile !== null) {
      for (const scenario of options.scenarios.filter(isProfiled))
        console.log(await profile(setting, scenario, { ...options, directory: options.profile }));
      return;
    }
    const samples = comparisons.length === 0 ? [] : await compare(setting, comparisons, options);
    for (const { name, summary } of comparisons) {
      const { rounds, seconds } = options;
      const condensed = summarise(samples, 'standin', { scenario: name, rounds, seconds });
      summaries.push(condensed);
      print(condensed, renderTable(condensed, summary));
    }
    for (const { name, summary } of options.scenarios.filter((each) => each.kind === 'own')) {
      const figures = await ownScenarios[name](setting, options);
      const condensed = summariseFigures(name, figures);
      summaries.push(condensed);
      print(condensed, renderFigures(`${name}: ${summary}`, figures));
    }
    if (options.save) note(`\nsaved ${save(summaries)}`);
  } finally {
    await setting.end();
  }
}

function save(summaries: (ScenarioSummary | OwnSummary)[]): string {
  const machine = describeMachine();
  const date = new Date().toISOString();
  const directory = join(import.meta.dirname, 'results');
  const name = `${date.slice(0, 10)}-${machine.commit.slice(0, 12)}.json`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), `${JSON.stringify({ date, machine, scenarios: summaries }, null, 2)}\n`);
  return join('bench', 'results', name);
}
