import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent, SandboxWithAccess } from '../../src/client/client.ts';
import { waitUntil } from '../support/processes.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { buildGoClient, envKeys, programs } from './programs.ts';
import type { ClientProgram } from './programs.ts';
import { greeting, otherHost, startUpstreams } from './upstreams.ts';
import type { RealValues, Upstreams } from './upstreams.ts';

/** What a shell line said. */
export interface LineResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A way to run a sandbox: inside Standin's own, or beside it with the variables it hands out. */
export interface Surroundings {
  name: string;
  /** A word on what is missing on this machine. */
  skip: string | false;
  createSandbox(server: StandinServer, secrets: Record<string, string>): Promise<SandboxWithAccess>;
  /** Runs a shell line in an empty directory of its own, with `env` added to the sandbox's variables. */
  runLine(line: string, env: Record<string, string>): Promise<LineResult>;
  close(): Promise<void>;
}

/** The whole promise, told with every program: the upstream sees the real value, nobody else ever does. */
export function tellStory(surroundings: Surroundings): void {
  describe(surroundings.name, { skip: surroundings.skip }, () => {
    let upstreams: Upstreams;
    let server: StandinServer;
    let sandbox: SandboxWithAccess;

    before(async () => {
      buildGoClient();
      upstreams = await startUpstreams();
      server = await startStandin({ env: upstreams.env });
      const names: (keyof RealValues)[] = ['anthropic', 'openai', 'github'];
      for (const name of names) {
        await server.client.secrets.create({ name, value: upstreams.real[name], provider: name });
      }
      sandbox = await surroundings.createSandbox(
        server,
        Object.fromEntries(names.map((name) => [envKeys[name], name])),
      );
    });

    after(async () => {
      await surroundings.close();
      await server?.stop();
      await upstreams?.stop();
    });

    const run = async (program: ClientProgram, host: string) => {
      const result = await surroundings.runLine(`printf 'held=%s\\n' "$${envKeys[program.secret]}"; ${program.line}`, {
        BASE: `https://${host}`,
      });
      for (const value of Object.values(upstreams.real)) {
        assert.ok(!`${result.stdout}${result.stderr}`.includes(value), 'the program saw a real value');
      }
      assert.ok(
        result.stdout.startsWith(`held=${sandbox.egress.env[envKeys[program.secret]]}\n`),
        'it holds its stand-in',
      );
      return result;
    };

    for (const program of programs) {
      test(
        `${program.name} holds a stand-in, and the upstream receives the real value`,
        { skip: program.skip },
        async () => {
          const result = await run(program, program.host);
          assert.equal(result.code, 0, result.stderr + result.stdout);
          assert.ok(result.stdout.includes(greeting), result.stdout);
          await assertReceived(program, upstreams);
        },
      );

      test(`${program.name} cannot take its stand-in to another host`, { skip: program.skip }, async () => {
        const result = await run(program, otherHost);
        assert.notEqual(result.code, 0, result.stdout);
        assert.ok(!result.stdout.includes(greeting), result.stdout);
      });
    }

    test('the other host is within reach, and has seen neither stand-in nor real value', async () => {
      const { code, stdout, stderr } = await surroundings.runLine('curl -sS --max-time 20 "$BASE/plain"', {
        BASE: `https://${otherHost}`,
      });
      assert.equal(code, 0, stderr);
      assert.ok(stdout.includes(greeting));
      await upstreams.nginx.waitForLog((entry) => entry.target === '/plain');
      const seen = upstreams.nginx.log().filter((entry) => entry.host === otherHost);
      assert.ok(seen.every((entry) => entry.headers['authorization'] === '' && entry.headers['x-api-key'] === ''));
      const heard = JSON.stringify(seen);
      for (const [secret, envKey] of Object.entries(envKeys)) {
        assert.ok(!heard.includes(sandbox.egress.env[envKey] ?? secret));
      }
    });

    test('no variable of any process in it holds a real value', async () => {
      const line = 'env; cat /proc/self/environ /proc/1/environ /proc/1/cmdline 2>/dev/null || true';
      const { stdout } = await surroundings.runLine(line, {});
      assert.ok(Object.values(envKeys).every((key) => stdout.includes(`${key}=${sandbox.egress.env[key]}`)));
      assert.ok(Object.values(upstreams.real).every((value) => !stdout.includes(value)));
    });

    for (const [secret, envKey] of Object.entries(envKeys)) {
      const used = programs.filter((program) => program.secret === secret);
      const skip = used.every((program) => program.skip !== false) && 'no program that uses it is installed';
      test(`the audit trail of ${envKey} has its uses and its refusals`, { skip }, async () => {
        const tried = used.filter((program) => program.skip === false).length;
        let rows: AuditEvent[] = [];
        const told = async () => {
          rows = await server.client.secrets.audit(secret, { limit: 200 });
          const uses = rows.filter((row) => row.host === used[0]?.host && row.status === 200);
          return uses.length >= tried && rows.filter(isMismatch).length >= tried;
        };
        await waitUntil(told, { what: `${tried} uses and as many refusals` });
        assert.ok(
          rows.every((row) => row.sandbox_id === sandbox.id && (row.host === used[0]?.host || isMismatch(row))),
        );
      });
    }
  });
}

function isMismatch(row: AuditEvent): boolean {
  return row.host === otherHost && row.status === 403 && row.error_code === 'credential_host_mismatch';
}

async function assertReceived(program: ClientProgram, { nginx, git, real }: Upstreams): Promise<void> {
  const value = real[program.secret];
  if (program.secret === 'github') {
    const expected = `Basic ${Buffer.from(`x-access-token:${value}`).toString('base64')}`;
    const served = git.requests.filter((each) => each.status === 200);
    assert.ok(served.some((each) => each.target.endsWith('/git-receive-pack')));
    assert.ok(served.every((each) => each.authorization === expected));
    assert.equal(await git.readFile('project', 'pushed.txt'), 'pushed\n');
    return;
  }
  const [header, expected] =
    program.secret === 'anthropic' ? ['x-api-key', value] : ['authorization', `Bearer ${value}`];
  await nginx.waitForLog((entry) => entry.host === program.host && entry.headers[header] === expected);
}
