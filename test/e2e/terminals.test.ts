import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { skipWithout } from '../support/processes.ts';
import { sandboxDrivers } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';

/** A word that shows, and what is typed then. */
type Step = readonly [shown: string, typed: string];

for (const driver of sandboxDrivers) {
  describe(
    `a terminal of a ${driver.name} sandbox, over a WebSocket`,
    {
      skip: driver.skip || skipWithout('bash', 'python3'),
    },
    () => {
      let server: StandinServer;
      let sandbox: SandboxWithAccess;
      before(async () => {
        server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: driver.name } });
        sandbox = await server.client.sandboxes.create({ name: 'terminals' });
      });
      after(() => server?.stop());

      /** Everything that it showed, and the exit code. */
      async function typeAt(request: { command: string; args?: string[] }, steps: Step[]): Promise<[string, number]> {
        const connection = await server.client.execConnect(sandbox, { ...request, tty: { columns: 80, rows: 24 } });
        let shown = '';
        let from = 0;
        connection.onOutput((_stream, chunk) => {
          shown += chunk.toString();
          for (let step = steps[0]; step !== undefined && shown.includes(step[0], from); step = steps[0]) {
            steps.shift();
            from = shown.indexOf(step[0], from) + step[0].length;
            connection.stdin.write(step[1]);
          }
        });
        const code = await connection.exit;
        return [shown, code];
      }

      const loop = 'while :; do sleep 0.05; done';
      for (const [what, command, typed, shown, exit] of [
        ['^C ends what is in front', 'echo go; sleep 1000', '\u0003', 'go\r\n^C', 130],
        [
          '^\\ ends it too',
          `trap 'echo quit; exit 6' QUIT; echo go; ${loop}`,
          '\u001c',
          /^go\r\n\^\\(Quit\r\n)?quit\r\n$/,
          6,
        ],
        [
          'a program that handles ^C has it as a signal',
          `trap 'echo caught; exit 5' INT; echo go; ${loop}`,
          '\u0003',
          'go\r\n^Ccaught\r\n',
          5,
        ],
        [
          'a key that was chosen for it is as good, and ^C is then a character',
          'stty intr ^G; echo go; sleep 1000',
          '\u0003\u0007',
          /\^G$/,
          130,
        ],
        [
          'where signals are switched off ^C is a character',
          'stty -isig; echo go; head -c 1 | od -An -c',
          '\u0003\n',
          /003\r\n$/,
          0,
        ],
      ] as const) {
        it(what, async () => {
          const [all, code] = await typeAt({ command }, [['go', typed]]);
          if (typeof shown === 'string') assert.equal(all.replace('\u0003', '^C'), shown);
          else assert.match(all, shown);
          assert.equal(code, exit);
        });
      }

      it('what was typed before ^C is dropped', async () => {
        const command = `trap : INT; sh -c 'echo go; exec cat'; echo next; read line; echo "[$line]"`;
        const [all, code] = await typeAt({ command }, [
          ['go', 'abc\u0003'],
          ['next', 'def\n'],
        ]);
        assert.match(all, /\[def\]\r\n$/);
        assert.equal(code, 0);
      });

      it('a program that reads keys itself gets each of them', async () => {
        const program = `
import os, sys, termios, tty
state = termios.tcgetattr(0); state[3] &= ~(termios.ISIG | termios.ICANON | termios.ECHO); termios.tcsetattr(0, termios.TCSANOW, state)
print('go', flush=True); keys = b''
while len(keys) < 4: keys += os.read(0, 9)
print(keys)`;
        const python = { command: '/usr/bin/python3', args: ['-c', program] };
        const [all, code] = await typeAt(python, [['go', 'x\u0003\u001a\u001c']]);
        assert.equal(all, "go\r\nb'x\\x03\\x1a\\x1c'\r\n");
        assert.equal(code, 0);
      });

      it('a shell stops and ends its jobs by their keys, and goes on', async () => {
        // Each step waits for a word of the job itself: before that the shell is still in front.
        const job = `bash -c 'trap "echo a""gain" CONT; echo re"ady"; while :; do sleep 0.05; done'\r`;
        const [all, code] = await typeAt({ command: 'bash', args: ['--norc', '--noprofile', '-i'] }, [
          ['$ ', job],
          ['ready\r\n', '\u001a'],
          ['Stopped', 'fg\r'],
          ['again\r\n', '\u0003'],
          ['$ ', 'exit 7\r'],
        ]);
        assert.match(all, /\^Z.*Stopped.*\^C/s);
        assert.equal(code, 7);
      });

      it('a signal that is sent goes to the job in front', async () => {
        const connection = await server.client.execConnect(sandbox, {
          command: 'bash',
          args: ['--norc', '--noprofile', '-i'],
          tty: { columns: 80, rows: 24 },
        });
        let shown = '';
        const job = `python3 -c "import time; print('re' + 'ady', flush=True); time.sleep(1000)"\r`;
        const steps: [string, () => void][] = [
          ['$ ', () => connection.stdin.write(job)],
          ['ready', () => connection.signal('SIGINT')],
          ['KeyboardInterrupt', () => connection.stdin.write('exit 4\r')],
        ];
        connection.onOutput((_stream, chunk) => {
          shown += chunk.toString();
          while (steps[0] !== undefined && shown.includes(steps[0][0])) steps.shift()?.[1]();
        });
        assert.equal(await connection.exit, 4);
      });
    },
  );
}
