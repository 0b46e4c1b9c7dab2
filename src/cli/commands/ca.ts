import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import { addCommand, addGroup } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { CliFailure, systemCodeOf } from '../failure.ts';

/** `standin ca`: the certificate authority that sandboxes trust. */
export function addCaCommands(program: Command, cli: Cli): void {
  const ca = addGroup(program, 'ca', {
    summary: 'the certificate authority that sandboxes trust',
    examples: [['standin ca print > standin-ca.pem', 'for a sandbox that is run elsewhere']],
  });
  addCommand(ca, {
    usage: 'print',
    summary: 'print the CA certificate (PEM) of the server on this machine; never its key',
    examples: [
      ['standin ca print > standin-ca.pem', 'for a sandbox that is run elsewhere'],
      ['standin ca print --path', 'where the file is'],
    ],
  })
    .option('--path', "print the file's path")
    .action((options: CommonOptions & { path?: boolean }) => {
      const output = cli.output(options);
      const path = join(loadConfig({}, { env: cli.io.env }).config.dataDir, 'ca.pem');
      const pem = readCertificate(path);
      output.result({ path, ca_pem: pem }, () => output.line(options.path === true ? path : pem.trimEnd()));
    });
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliFailure(`${path} cannot be read (${systemCodeOf(error)})`, {
      fix: 'the first `standin serve` makes it; STANDIN_DATA_DIR says where',
      cause: error,
    });
  }
}
