import { mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Client, SandboxWithAccess } from '../../src/client/client.ts';
import { startProgram } from './processes.ts';
import type { Program, ProgramEnd } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

type SandboxInput = Parameters<Client['sandboxes']['create']>[0];

/** A sandbox that is run elsewhere, as the programs in it see it. */
export interface ClientSandbox {
  id: string;
  /** All that a program in it has as its environment: the variables that it is given, a home, and the path. */
  env: Record<string, string>;
  /** The CA, in a file. */
  caFile: string;
  home: string;
  standIn(envKey: string): string;
  /** Starts a program in an empty directory of its own. */
  start(command: string, args: string[], env?: Record<string, string>): Promise<Program>;
  /** The same, to its end; throws with its output where it fails. */
  run(command: string, args: string[], env?: Record<string, string>): Promise<string>;
  /** The same, however it ends. */
  attempt(
    command: string,
    args: string[],
    env?: Record<string, string>,
  ): Promise<ProgramEnd & { stdout: string; stderr: string }>;
  remove(): void;
}

/** Creates one, and does what its user does with the answer: keeps `ca_pem`, and sets the variables with its path. */
export async function clientSandbox(client: Client, input: Omit<SandboxInput, 'driver'>): Promise<ClientSandbox> {
  const sandbox: SandboxWithAccess = await client.sandboxes.create({ ...input, driver: 'external' });
  const directory = temporaryDirectory('client');
  const home = directory.path;
  const caFile = join(home, 'ca.pem');
  writeFileSync(caFile, sandbox.egress.ca_pem);
  const announced = sandbox.egress.env['STANDIN_CA_FILE'];
  const env: Record<string, string> = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    GIT_TERMINAL_PROMPT: '0',
    ...Object.fromEntries(
      Object.entries(sandbox.egress.env).map(([name, value]) => [name, value === announced ? caFile : value]),
    ),
  };
  const start: ClientSandbox['start'] = (command, args, more = {}) =>
    startProgram(command, args, { cwd: mkdtempSync(join(home, 'work-')), env: { ...env, ...more } });
  const attempt: ClientSandbox['attempt'] = async (...call) => {
    const program = await start(...call);
    const end = await program.ended;
    return { ...end, stdout: program.stdout(), stderr: program.stderr() };
  };
  return {
    id: sandbox.id,
    env,
    caFile,
    home,
    standIn: (envKey) => {
      const text = sandbox.egress.env[envKey];
      if (text === undefined) throw new Error(`nothing is bound to ${envKey}`);
      return text;
    },
    start,
    attempt,
    run: async (command, args, more) => {
      const { code, stdout, stderr } = await attempt(command, args, more);
      if (code !== 0) throw new Error(`${command} ended with ${code}:\n${stderr}${stdout}`);
      return stdout;
    },
    remove: () => directory.remove(),
  };
}
