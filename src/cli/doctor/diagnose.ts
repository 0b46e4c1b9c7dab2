import { loadConfig } from '../../config.ts';
import type { CliDeps } from '../command.ts';
import { findServer } from '../find-server.ts';
import type { Io } from '../io.ts';
import { failure } from './check.ts';
import type { Check } from './check.ts';
import { checkMachine } from './machine.ts';
import { checkDatabase, checkPorts, checkServer, checkTrust } from './server.ts';

/** Looks at this machine, then at the server that the command line would talk to, then at this shell. */
export async function diagnose(io: Io, deps: CliDeps): Promise<Check[]> {
  const { config } = loadConfig({}, { env: io.env });
  const checks = [...(await checkMachine(deps, config)), await checkDatabase(config)];
  try {
    checks.push(...(await checkServer(findServer(io), config, deps)));
  } catch (error) {
    checks.push(failure('server', error), ...(await checkPorts(config)));
  }
  return [...checks, checkTrust(io, config)];
}
