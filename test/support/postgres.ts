import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client } from 'pg';

const run = promisify(execFile);
const installed = '/usr/lib/postgresql';

/** A real PostgreSQL of the test's own, from the distribution's package, run as an ordinary user, with fsync on. */
export interface Postgres {
  /** Makes an empty database and gives its URL. */
  freshUrl(): Promise<string>;
  /** Runs SQL as the superuser in the database `postgres`. */
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /**
   * Stops the server and starts it again on the same data, running `meanwhile` while it is down. `immediate` leaves it to
   * recover from its log, as after a crash; `fast` leaves the data clean.
   */
  restart(meanwhile?: () => Promise<void>, shutdown?: Shutdown): Promise<void>;
  /** Has `pg_dump` write a database to a file, as SQL. */
  dump(url: string, file: string): Promise<void>;
  /** All that it wrote to its log, over its restarts. */
  log(): string;
  /** Where its files are. */
  directory: string;
  stop(): Promise<void>;
}

/** PostgreSQL's words for the ways in which it ends the sessions of others. */
export type Shutdown = 'fast' | 'immediate';

const shutdownSignals: Record<Shutdown, NodeJS.Signals> = { fast: 'SIGINT', immediate: 'SIGQUIT' };

/**
 * Why tests on PostgreSQL cannot run here, for `skip`; false where they can. With STANDIN_REQUIRE_POSTGRES=1 its absence
 * is a failure, not a reason to skip.
 */
export async function postgresMissing(): Promise<string | false> {
  if ((await programs()) !== null) return false;
  if (process.env['STANDIN_REQUIRE_POSTGRES'] === '1') throw new Error(`no PostgreSQL under ${installed}`);
  return 'PostgreSQL is not installed here (Debian: apt-get install postgresql)';
}

export async function startPostgres(): Promise<Postgres> {
  const bin = await programs();
  if (bin === null) throw new Error(`no PostgreSQL under ${installed}`);
  const directory = await mkdtemp(join(tmpdir(), 'standin-pg-'));
  const user = await ordinaryUser();
  if (user !== null) await chown(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const [program, ...args] = asUser(user, join(bin, 'initdb'));
  await run(program, [...args, '-D', data, '-U', 'standin', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']);
  const logged: string[] = [];
  let server = await startServer();

  function startServer(): Promise<ChildProcess> {
    const settings = ['listen_addresses=', `unix_socket_directories=${directory}`, 'fsync=on', 'max_connections=60'];
    const [command, ...before] = asUser(user, join(bin ?? '', 'postgres'));
    const child = spawn(command, [...before, '-D', data, ...settings.flatMap((each) => ['-c', each])], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new Promise((resolve, reject) => {
      const said: string[] = [];
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        logged.push(line);
        if (line.includes('database system is ready to accept connections')) resolve(child);
      });
      child.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${said.join('\n')}`)));
      child.once('error', reject);
    });
  }

  async function stopServer(shutdown: Shutdown = 'fast'): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = new Promise((resolve) => server.once('exit', resolve));
    server.kill(shutdownSignals[shutdown]);
    await exited;
  }

  async function query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url('postgres') });
    await client.connect();
    try {
      const { rows } = await client.query(sql, values);
      return rows;
    } finally {
      await client.end();
    }
  }

  const url = (database: string) => `postgres:///${database}?host=${encodeURIComponent(directory)}&user=standin`;
  return {
    query,
    async freshUrl() {
      const name = `t_${randomBytes(6).toString('hex')}`;
      await query(`create database ${name}`);
      return url(name);
    },
    async dump(database, file) {
      await run(join(bin, 'pg_dump'), ['--dbname', database, '--file', file]);
    },
    log: () => logged.join('\n'),
    directory,
    async restart(meanwhile, shutdown) {
      await stopServer(shutdown);
      await meanwhile?.();
      server = await startServer();
    },
    async stop() {
      await stopServer();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The directory of the newest version's programs. */
async function programs(): Promise<string | null> {
  const versions = existsSync(installed) ? await readdir(installed) : [];
  const newest = versions
    .filter((each) => existsSync(join(installed, each, 'bin', 'initdb')))
    .toSorted((a, b) => Number(a) - Number(b))
    .at(-1);
  return newest === undefined ? null : join(installed, newest, 'bin');
}

interface User {
  uid: number;
  gid: number;
}

/** Whom to run it as: PostgreSQL refuses to run as root. Null: as ourselves. */
async function ordinaryUser(): Promise<User | null> {
  if (process.getuid?.() !== 0) return null;
  return ids('postgres').catch(() => ids('nobody'));
}

async function ids(name: string): Promise<User> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => (await run('id', [flag, name])).stdout));
  return { uid: Number(uid), gid: Number(gid) };
}

/** `--pdeathsig`: a test that is killed leaves no server behind. */
function asUser(user: User | null, program: string): [string, ...string[]] {
  const identity = user === null ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  return ['setpriv', ...identity, '--pdeathsig', 'INT', program];
}
