import { writeFileSync } from 'node:fs';
import { findProblems } from '../../src/sandbox/bubblewrap/preflight.ts';
import { postgresMissing } from '../support/postgres.ts';
import { UsageError, help, readOptions } from './options.ts';
import { reportJson, reportText } from './report.ts';
import { soak } from './soak.ts';

/** `npm run soak`: see `--help` and docs/endurance.md. */
process.exitCode = await run(process.argv.slice(2));

async function run(args: string[]): Promise<number> {
  const machine = {
    postgres: (await postgresMissing()) === false,
    bubblewrap: (await findProblems()).length === 0,
  };
  try {
    const options = readOptions(args, machine);
    if (options === null) {
      process.stdout.write(help);
      return 0;
    }
    // A first interrupt ends the run in order and prints what there is; a second one ends it as ever.
    const stopping = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
    const report = await soak(options, { say, stopped: stopping.signal });
    if (options.report !== null) writeFileSync(options.report, `${reportJson(report)}\n`);
    process.stdout.write(options.json ? `${reportJson(report)}\n` : reportText(report));
    return report.findings.total === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`error: ${error.message}; --help shows examples\n`);
    return 2;
  }
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
}
