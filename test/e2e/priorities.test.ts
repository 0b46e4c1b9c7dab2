import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { workerPids } from '../support/processes.ts';
import { startStandin } from '../support/standin-server.ts';

/** The nice value of each thread by its name (proc_pid_stat(5), field 19). */
function niceValues(pid: number): { name: string; nice: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), nice: Number(stat.slice(end + 2).split(' ')[16]) };
  });
}

test(
  'threads that collect garbage for the main process yield to those that serve',
  { skip: process.platform !== 'linux' },
  async () => {
    const server = await startStandin();
    try {
      const main = niceValues(server.program.pid);
      const helpers = main.filter(({ name }) => name.startsWith('node-V8Worker'));
      assert.ok(helpers.length > 0, JSON.stringify(main));
      for (const { nice } of helpers) assert.equal(nice, 10);
      const sqlite = main.filter(({ name }) => name.startsWith('standin-sqlite'));
      assert.ok(sqlite.length > 0, JSON.stringify(main));
      const serving = [...main.filter(({ name }) => name === 'node-MainThread' || name === 'MainThread'), ...sqlite];
      for (const { name, nice } of serving) assert.equal(nice, 0, name);
      const workers = workerPids(server.program.pid);
      assert.ok(workers.length > 0);
      for (const pid of workers)
        for (const { name, nice } of niceValues(pid)) assert.equal(nice, 0, `${name} of a worker`);
    } finally {
      await server.stop();
    }
  },
);
