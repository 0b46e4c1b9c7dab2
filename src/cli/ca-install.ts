import { execFile } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { CliFailure, messageOf, systemCodeOf } from './failure.ts';

const run = promisify(execFile);

/** Where update-ca-certificates(8) looks for what an administrator adds, and the bundle that it makes. */
const folder = '/usr/local/share/ca-certificates';
export const systemBundle = '/etc/ssl/certs/ca-certificates.crt';
const tool = '/usr/sbin/update-ca-certificates';

export interface InstallPlan {
  file: string;
  remove: boolean;
  /** In words, in their order. */
  steps: string[];
}

/** What is done to the system's store. The file is named after the certificate, so that another CA is not replaced. */
export function planInstall(certificate: X509Certificate, { remove }: { remove: boolean }): InstallPlan {
  if (!existsSync(tool)) {
    throw new CliFailure('this system has no update-ca-certificates', {
      fix: 'on Debian and Ubuntu: apt-get install ca-certificates; elsewhere add the file of `standin ca print` by its own tool',
    });
  }
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  const file = `${folder}/standin-${fingerprint.slice(0, 16)}.crt`;
  const what = `${certificate.subject.replaceAll('\n', ', ')}, SHA-256 ${fingerprint}`;
  return {
    file,
    remove,
    steps: [remove ? `remove ${file}` : `write ${file} (${what})`, `run ${tool}, which makes ${systemBundle} anew`],
  };
}

/** Does it. Throws where it may not, with what would. */
export async function installCertificate({ file, remove }: InstallPlan, pem: string): Promise<void> {
  try {
    if (remove) rmSync(file, { force: true });
    else writeFileSync(file, pem, { mode: 0o644 });
  } catch (error) {
    throw new CliFailure(`${file} cannot be written (${systemCodeOf(error)})`, {
      fix: 'run it with sudo',
      cause: error,
    });
  }
  try {
    await run(tool, [], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  } catch (error) {
    throw new CliFailure(`${tool} failed: ${messageOf(error)}`, { cause: error });
  }
}
