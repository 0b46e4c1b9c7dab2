import { parseArgs } from 'node:util';
import { findProblems } from '../../src/sandbox/bubblewrap/preflight.ts';
import { liveThroughDay } from './day.ts';
import { dayText, unseenClaims } from './report.ts';

const help = `Usage: npm run day -- [options]

Two coding agents work in one bubblewrap sandbox with real tools (git, npm, pip, official SDKs that stream, a WebSocket, a
web server) while it is paused and resumed three times, secrets are rotated and one is detached. Ends with 1 where a real
value was seen inside, a call arrived with the wrong credential, or anything else did not hold.

  --minutes N   how long the day is (30); with 1 everything happens all the same
  --help

Examples:
  npm run day
  npm run day -- --minutes 2
`;

/** `npm run day`: see docs/endurance.md. */
process.exitCode = await run(process.argv.slice(2));

async function run(args: string[]): Promise<number> {
  let options;
  try {
    options = parseArgs({
      args,
      options: { minutes: { type: 'string', default: '30' }, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error));
  }
  if (options.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const minutes = Number(options.minutes);
  if (!(minutes > 0)) return wrongUsage(`--minutes must be a number above 0, not ${options.minutes}`);
  const problems = await findProblems();
  if (problems.length > 0)
    return wrongUsage(`no bubblewrap sandbox can run here: ${problems.map(({ what }) => what).join('; ')}`);
  const report = await liveThroughDay({ minutes, say: (line) => void process.stderr.write(`${line}\n`) });
  process.stdout.write(dayText(report));
  return report.findings.total === 0 && unseenClaims(report).length === 0 ? 0 : 1;
}

function wrongUsage(message: string): number {
  process.stderr.write(`error: ${message}; --help shows examples\n`);
  return 2;
}
