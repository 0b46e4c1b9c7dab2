import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import { installCertificate, planInstall, systemBundle } from '../ca-install.ts';
import { addCommand, addGroup, yesOption } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { askYesNo, canAsk } from '../confirm.ts';
import { CliFailure, systemCodeOf } from '../failure.ts';
import { shellWord } from '../text.ts';

interface InstallOptions extends CommonOptions {
  dryRun?: boolean;
  remove?: boolean;
  yes?: boolean;
}

/** `standin ca`: the certificate authority that sandboxes trust. */
export function addCaCommands(program: Command, cli: Cli): void {
  const ca = addGroup(program, 'ca', {
    summary: 'the certificate authority that sandboxes trust',
    examples: [
      ['standin ca print > standin-ca.pem', 'for a sandbox that is run elsewhere'],
      ['eval "$(standin ca env)"', 'trust it in this shell alone'],
      ['standin ca install --dry-run', 'what trusting it on this whole machine would do'],
    ],
  });
  addPrint(ca, cli);
  addEnv(ca, cli);
  addInstall(ca, cli);
}

function addPrint(ca: Command, cli: Cli): void {
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
      const { path, pem } = certificate(cli);
      output.result({ path, ca_pem: pem }, () => output.line(options.path === true ? path : pem.trimEnd()));
    });
}

/** Programs that add to what they trust are given the certificate; those that replace it, the system's with it. */
function addEnv(ca: Command, cli: Cli): void {
  addCommand(ca, {
    usage: 'env',
    summary: 'print `export` lines with which programs of a shell trust the CA',
    examples: [
      ['eval "$(standin ca env)"', 'Node alone adds it to what it trusts'],
      ['eval "$(standin ca env --file /etc/standin/ca.pem)"', 'a copy elsewhere, which is all that is trusted'],
    ],
  })
    .option('--file <path>', 'where the certificate is; without it that of the server on this machine')
    .action((options: CommonOptions & { file?: string }) => {
      const output = cli.output(options);
      const path = options.file ?? certificate(cli).path;
      const variables = [
        'SSL_CERT_FILE',
        'NODE_EXTRA_CA_CERTS',
        'REQUESTS_CA_BUNDLE',
        'CURL_CA_BUNDLE',
        'GIT_SSL_CAINFO',
      ];
      const env = Object.fromEntries(variables.map((name) => [name, path]));
      output.result(env, () => {
        for (const [name, value] of Object.entries(env)) output.line(`export ${name}=${shellWord(value)}`);
        output.note('programs of this shell trust nothing else then: use it where all traffic goes through the proxy');
      });
    });
}

function addInstall(ca: Command, cli: Cli): void {
  addCommand(ca, {
    usage: 'install',
    summary: "put the CA into the system's own store (Debian, Ubuntu)",
    examples: [
      ['standin ca install --dry-run', 'what it would do'],
      ['sudo standin ca install', 'asks, and does it'],
      ['sudo standin ca install --remove', 'take it out again'],
    ],
  })
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--remove', 'take it out again')
    .addOption(yesOption())
    .action(async (options: InstallOptions) => {
      const output = cli.output(options);
      const { pem } = certificate(cli);
      const plan = planInstall(new X509Certificate(pem), { remove: options.remove === true });
      if (!output.json) {
        for (const step of plan.steps) output.line(`${options.dryRun === true ? 'would ' : ''}${step}`);
      }
      if (options.dryRun === true) {
        output.result({ ...plan, done: false }, () => undefined);
        return;
      }
      const question = 'Every program of this machine then believes what the holder of the CA’s key says. Go on?';
      if (options.remove !== true && options.yes !== true && canAsk(cli.io) && !(await askYesNo(cli.io, question))) {
        throw new CliFailure('nothing was done');
      }
      await installCertificate(plan, pem);
      output.result({ ...plan, done: true }, () => output.line(`done: ${systemBundle} is current`));
    });
}

function certificate(cli: Cli): { path: string; pem: string } {
  const path = join(loadConfig({}, { env: cli.io.env }).config.dataDir, 'ca.pem');
  try {
    return { path, pem: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new CliFailure(`${path} cannot be read (${systemCodeOf(error)})`, {
      fix: 'the first `standin serve` makes it; STANDIN_DATA_DIR says where',
      cause: error,
    });
  }
}
