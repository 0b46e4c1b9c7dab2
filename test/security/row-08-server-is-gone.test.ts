import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findProblems } from '../../src/sandbox/bubblewrap/preflight.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { descendantsOf, endProcesses, isRunning, waitUntil, workerPids } from '../support/processes.ts';
import { connectPlain } from '../support/proxy-client.ts';
import type { RawConnection } from '../support/proxy-client.ts';

/** Row 8: the main process is stopped or killed while its workers and sandboxes go on. Nothing falls open. */

const host = 'api.example.com';
let rig: EgressRig;

before(async () => {
  rig = await startEgressRig({ names: [host], server: { env: { STANDIN_EGRESS_WORKERS: '2' } } });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
});
after(() => rig.stop());

async function ask(connection: RawConnection, standIn: string): Promise<string> {
  connection.send(`GET /outside HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${standIn}\r\n\r\n`);
  const response = await connection.response();
  return response.header('x-standin-error') ?? String(response.status);
}

describe('row 8: a main process that does not answer', () => {
  it('is not worked around: requests whose value is held are refused too, until it answers again', async () => {
    const sandbox = await rig.sandbox({ API_KEY: 'key' });
    const standIn = sandbox.standIn('API_KEY');
    const connection = await sandbox.connect(host);
    assert.equal(await ask(connection, standIn), '200');
    rig.server.program.child.kill('SIGSTOP');
    try {
      await waitUntil(async () => (await ask(connection, standIn)) === 'audit_unavailable', { what: 'a refusal' });
      const seen = rig.upstream.requests.length;
      for (let times = 0; times < 5; times++) assert.equal(await ask(connection, standIn), 'audit_unavailable');
      assert.equal(rig.upstream.requests.length, seen);
    } finally {
      rig.server.program.child.kill('SIGCONT');
    }
    await waitUntil(async () => (await ask(connection, standIn)) === '200', { what: 'the proxy to work again' });
    connection.close();
  });
});

const problems = await findProblems();

describe('row 8: a main process that is killed', { skip: problems.map(({ what }) => what).join('; ') || false }, () => {
  it('takes its workers with it; its sandboxes go on, and nothing of them reaches the upstream any more', async () => {
    const { client, program } = rig.server;
    const sandbox = await client.sandboxes.create({ name: 'box', driver: 'bubblewrap', secrets: { API_KEY: 'key' } });
    // Goes on by itself, in the sandbox's own session, for as long as it is let.
    const command = `setsid sh -c 'while :; do curl -s -m 2 -H "Authorization: Bearer $API_KEY" https://${host}/inside; done' >/dev/null 2>&1 &`;
    await client.exec(sandbox, { command });
    await waitUntil(() => rig.requestsFor('/inside').length > 3, { what: 'the sandbox to be at work' });
    const workers = workerPids(program.pid);
    const inside = descendantsOf(program.pid).filter((pid) => !workers.includes(pid));
    assert.ok(workers.length > 0 && inside.length >= 3, `workers, and bwrap, its agent and the loop: ${inside.length}`);

    program.child.kill('SIGKILL');
    try {
      await waitUntil(() => !workers.some(isRunning), { what: 'the workers to end' });
      // Every connection is closed by then: what was on its way has come.
      await Promise.all(rig.upstream.connections.map(({ closed }) => closed));
      const seen = rig.upstream.requests.length;
      // It goes on asking: programs that it starts come and go.
      const running = new Set(inside.filter(isRunning));
      assert.ok(running.size >= 3, 'bwrap, its agent and the loop run');
      const curls = () => descendantsOf([...running][0] ?? 0).filter((pid) => !running.has(pid));
      const started = new Set<number>();
      await waitUntil(
        () => {
          for (const pid of curls()) started.add(pid);
          return started.size > 5;
        },
        { what: 'the loop to go on' },
      );
      assert.equal(rig.upstream.requests.length, seen);
    } finally {
      endProcesses(inside);
    }
    await assert.rejects(connectPlain({ port: rig.server.proxyPort }), {
      code: 'ECONNREFUSED',
    });
  });
});
