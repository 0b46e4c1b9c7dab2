import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerCertificate } from './certificates.ts';
import { startProgram } from './processes.ts';
import type { Program } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

/** An upstream that is a program of its own. */
export interface ProgramUpstream {
  port: number;
  program: Program;
  /** What it has written to stdout since the last call, line by line. */
  said(): string[];
  stop(): Promise<void>;
}

/** Starts `command args… CERTIFICATE KEY`, both of them files; it says `port <number>` once it listens. */
export async function startProgramUpstream(
  command: string,
  args: string[],
  { certPem, keyPem }: ServerCertificate,
): Promise<ProgramUpstream> {
  const directory = temporaryDirectory('program-upstream');
  const files = Object.entries({ 'leaf.pem': certPem, 'leaf.key': keyPem }).map(([name, content]) => {
    writeFileSync(join(directory.path, name), content, { mode: 0o600 });
    return join(directory.path, name);
  });
  try {
    const program = await startProgram(command, [...args, ...files]);
    const [line, port] = await program.waitForOutput(/^port (\d+)\n/m);
    let read = program.stdout().indexOf(line) + line.length;
    return {
      port: Number(port),
      program,
      said: () => {
        const fresh = program.stdout().slice(read);
        const whole = fresh.slice(0, fresh.lastIndexOf('\n') + 1);
        read += whole.length;
        return whole.split('\n').slice(0, -1);
      },
      stop: async () => {
        await program.stop('SIGKILL');
        directory.remove();
      },
    };
  } catch (error) {
    directory.remove();
    throw error;
  }
}
