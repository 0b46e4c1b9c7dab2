import type { Command } from 'commander';
import { addCommand } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { diagnose } from '../doctor.ts';
import { exitCodes } from '../failure.ts';
import { printable } from '../text.ts';

const styles = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** `standin doctor`: what is wrong here, and what to do about it. */
export function addDoctorCommand(program: Command, cli: Cli): void {
  addCommand(program, {
    usage: 'doctor',
    summary: 'look for what is wrong with this machine and its server; exits 1 where something is',
    examples: [
      ['standin doctor', 'each thing with what to do about it'],
      ['standin doctor --json', 'for a monitor'],
    ],
  }).action(async (options: CommonOptions) => {
    const output = cli.output(options);
    const checks = await diagnose(cli.io, cli.deps);
    output.result(checks, () => {
      for (const { verdict, what, found, fix } of checks) {
        output.line(`${output.style(styles[verdict], verdict.padEnd(4))}  ${what.padEnd(12)}  ${printable(found)}`);
        if (fix !== null) output.line(`${' '.repeat(20)}${output.style('dim', `→ ${fix}`)}`);
      }
    });
    if (checks.some(({ verdict }) => verdict === 'fail')) cli.exitWith(exitCodes.failed);
  });
}
