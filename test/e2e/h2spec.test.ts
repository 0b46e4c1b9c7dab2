import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { skipWithout } from '../support/processes.ts';
import { cached, clientFile } from './languages.ts';

const program = cached('h2spec');

/** Compiled on this machine, of the versions in its go.mod. */
function buildH2spec(): void {
  const fresh = `${program}.${process.pid}`;
  execFileSync('go', ['build', '-o', fresh, 'github.com/summerwind/h2spec/cmd/h2spec'], {
    cwd: clientFile('h2spec'),
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
  });
  renameSync(fresh, program);
}

/** RFC 7540, 7541 and 9113 as others read them: every case of h2spec, the strict ones too, against the leg to the client. */
describe('h2spec, inside a sandbox', { skip: skipWithout('bwrap', 'go') }, () => {
  const host = 'api.example.com';
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: SandboxWithAccess;

  before(async () => {
    buildH2spec();
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([host]), (_request, response) =>
        response.end('hello'),
      );
      return { [host]: upstream.port };
    });
    sandbox = await rig.server.client.sandboxes.create({
      name: 'h2spec',
      driver: 'bubblewrap',
      mounts: [{ source: dirname(program), target: '/opt/h2spec', read_only: true }],
    });
  });

  after(async () => {
    if (sandbox !== undefined) await rig.server.client.sandboxes.remove(sandbox.id);
    await rig?.stop();
    await upstream?.stop();
  });

  it('passes all 146 cases with --strict', async (t) => {
    const command = `/opt/h2spec/h2spec --strict --tls --insecure --host ${host} --port 443 --timeout 2`;
    const { stdout, stderr, exit_code: code } = await rig.server.client.exec(sandbox, { command, timeout_s: 120 });
    const summary = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(stdout);
    t.diagnostic(summary?.[0] ?? stderr);
    assert.deepEqual(summary?.slice(1).map(Number), [146, 146, 0, 0], stdout + stderr);
    assert.equal(code, 0);
  });
});
