import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { startGitServer } from '../support/git-server.ts';
import type { GitServer } from '../support/git-server.ts';
import { skipWithout } from '../support/processes.ts';
import { memoryGrowth, workerMemory } from '../support/worker-memory.ts';

describe('git, with much to push', { skip: skipWithout('git') }, () => {
  const host = 'github.com';
  const value = `ghp_${'0123456789abcdefABCDEF'.repeat(2).slice(0, 36)}`;
  const size = 500_000_000;
  const mostGrowth = 96 * 1024 * 1024;
  let git: GitServer;
  let rig: ClientRig;
  let sandbox: ClientSandbox;

  before(async () => {
    rig = await startClientRig(async (authority) => {
      git = await startGitServer({ certificate: authority.issue([host]), username: 'x-access-token', password: value });
      await git.addRepository('project', { 'README.md': 'hello\n' });
      return { [host]: git.port };
    });
    const { client } = rig.server;
    await client.secrets.create({ name: 'github', value, provider: 'github' });
    sandbox = await clientSandbox(client, { name: 'git', secrets: { GITHUB_TOKEN: 'github' } });
  });

  after(async () => {
    sandbox?.remove();
    await rig?.stop();
    await git?.stop();
  });

  test('500 MB are pushed with the value in place of the stand-in, at flat memory', async (t) => {
    const work = `${sandbox.home}/project`;
    // Random content: nothing is gained by compressing or comparing it.
    const inWork = `cd '${work}' && git -c user.name=Agent -c user.email=agent@example.com -c core.compression=0 -c core.bigFileThreshold=1m`;
    const shell = (line: string) => sandbox.run('/bin/sh', ['-ec', line]);
    await shell(`git clone -q "https://x-access-token:$GITHUB_TOKEN@${host}/project.git" '${work}'`);
    await shell(`cd '${work}' && head -c ${size} /dev/urandom >large && ${inWork} add large`);
    await shell(`${inWork} commit -q -m Large`);
    const begun = performance.now();
    const growth = await memoryGrowth(rig.server, () => shell(`${inWork} push -q`));
    const seconds = (performance.now() - begun) / 1000;
    const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
    t.diagnostic(
      `pushed in ${seconds.toFixed(1)} s; ${mib(growth)} MiB more, ${mib(workerMemory(rig.server))} after it`,
    );
    const pushed = git.requests.filter(({ target, status }) => target.endsWith('/git-receive-pack') && status === 200);
    assert.ok(pushed.length >= 1);
    const expected = `Basic ${Buffer.from(`x-access-token:${value}`).toString('base64')}`;
    assert.ok(pushed.every(({ authorization }) => authorization === expected));
    const [there = ''] = (await shell(`${inWork} ls-remote -q origin refs/heads/main`)).split('\t');
    assert.equal(`${there}\n`, await shell(`${inWork} rev-parse HEAD`));
    assert.ok(growth < mostGrowth, `${growth} bytes more`);
  });
});
