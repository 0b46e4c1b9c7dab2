import type { Command } from 'commander';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { exitCodes } from '../failure.ts';
import { withProgress } from '../progress.ts';
import { printable } from '../text.ts';

const styles = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'dim' } as const;

/** `standin doctor`: what is wrong here, and what to do about it. */
export function addDoctorCommand(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'doctor',
    summary: 'look for what is wrong with this machine and its server; exits 1 where something blocks',
    examples: [
      ['standin doctor', 'each thing with what to do about it'],
      ['standin doctor --json', 'for a monitor'],
    ],
  }).action(async (options: CommonOptions) => {
    const output = cli.output(options);
    const checks = await withProgress(cli, { ...options, text: 'looking' }, () => diagnose(cli.io, cli.deps));
    output.result(checks, () => {
      const width = Math.max(...checks.map(({ what }) => what.length));
      for (const { verdict, what, found, fix } of checks) {
        output.line(`${output.style(styles[verdict], verdict.padEnd(4))}  ${what.padEnd(width)}  ${printable(found)}`);
        if (fix !== null) output.line(`${' '.repeat(width + 8)}→ ${printable(fix)}`);
      }
      const count = (wanted: string) => checks.filter(({ verdict }) => verdict === wanted).length;
      const [failed, warned] = [count('fail'), count('warn')];
      if (failed + warned === 0) output.note('nothing is wrong');
      else output.note(`${failed} of ${checks.length} block, ${warned} ${warned === 1 ? 'is' : 'are'} worth a look`);
    });
    if (checks.some(({ verdict }) => verdict === 'fail')) cli.exitWith(exitCodes.failed);
  });
}
