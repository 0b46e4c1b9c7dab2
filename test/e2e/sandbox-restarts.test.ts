import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { makeAuthority } from '../support/certificates.ts';
import { endSandboxesOf } from '../support/end-sandboxes.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';
import { sized } from '../support/replies.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';
import { driverName, inGvisor, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import type { TlsUpstream } from '../support/tls-upstream.ts';

const host = 'api.example.com';
/** Asked for after the other, so that a resolver that begins anew would give it another address. */
const later = 'second.example.com';
/** Busy ones; another is paused. gVisor without more of the machine takes a second of it for each. */
const many = inGvisor ? 6 : 20;

/** Asks the upstream again and again, each time with the number of the request, and notes what came of it. */
const asking = (index: number) =>
  `(n=0; while :; do n=$((n+1)); code=$(curl -s -m 5 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $KEY" https://${host}/box-${index}/$n); echo "$n $code" >> ~/asked; sleep 0.25; done) > /dev/null 2>&1 &`;

describe(
  'sandboxes of a server that is killed while they work',
  { skip: skipWithoutDriver || skipWithout('curl') },
  () => {
    const directory = temporaryDirectory('restarts');
    const dataDir = join(directory.path, 'data');
    let upstream: TlsUpstream;
    let env: Record<string, string>;
    let server: StandinServer;
    let boxes: SandboxWithAccess[];
    const pausedIndex = many;
    const value = `real-${'v'.repeat(24)}`;

    before(async () => {
      const authority = makeAuthority();
      const rootFile = join(directory.path, 'root.pem');
      writeFileSync(rootFile, authority.certPem);
      upstream = await startTlsUpstream({ certificate: authority.issue([host, later]), respond: () => sized(200) });
      env = {
        STANDIN_SANDBOX_DRIVER: driverName,
        STANDIN_EGRESS_CONNECT_TO: [host, later].map((name) => `${name}:443:127.0.0.1:${upstream.port}`).join(','),
        STANDIN_EGRESS_CA_FILE: rootFile,
        // Root's server on this machine: the sandboxes' memory is small, and there are many.
        STANDIN_SANDBOX_MEMORY: '512',
        STANDIN_SANDBOX_DISK: '64',
      };
      server = await startStandin({ dataDir, env });
      await server.client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [host] });
      boxes = [];
      for (let index = 0; index <= many; index++) {
        const box = await server.client.sandboxes.create({ name: `box-${index}`, secrets: { KEY: 'key' } });
        boxes.push(box);
        await server.client.exec(box, { command: asking(index) });
      }
    });
    after(async () => {
      await server.stop();
      await endSandboxesOf(dataDir);
      await upstream.stop();
      directory.remove();
    });

    const answered = (index: number) =>
      upstream.requests.filter(({ target }) => target.startsWith(`/box-${index}/`)).length;
    const all = Array.from({ length: many + 1 }, (_, index) => index);
    const working = all.slice(0, many);
    /** Which processes the sandbox has of what was begun in it, each with when it started: no other one has the same. */
    const processesOf = async (box: SandboxWithAccess) =>
      (
        await server.client.exec(box, {
          command: `for each in $(pgrep -x sh); do [ $each != $$ ] && grep -q asked /proc/$each/cmdline && sed 's/.*) //' /proc/$each/stat | cut -d ' ' -f 20 | sed "s/^/$each /"; done`,
        })
      ).stdout;

    it('are all there after the restart, with what ran in them, and reach out again; nothing was let out in between', async () => {
      await waitUntil(() => all.every((index) => answered(index) > 0), {
        what: 'every sandbox to work',
        withinMs: 60_000,
      });
      // One whose command is in front, on a connection that will break.
      const [first] = boxes;
      assert.ok(first);
      const front = server.client.exec(first, {
        command: 'while :; do echo x >> ~/front; sleep 0.05; done',
        timeout_s: 600,
      });
      front.catch(() => undefined);
      await waitUntil(
        async () => Number((await server.client.exec(first, { command: 'wc -l < ~/front' })).stdout) > 0,
        {
          what: 'the command in front',
        },
      );
      const remember = `python3 -c "import socket; print(socket.gethostbyname('${later}'))" > ~/address; cat ~/address`;
      assert.match((await server.client.exec(first, { command: remember })).stdout, /^198\.1[89]\./);
      const paused = boxes[pausedIndex];
      assert.ok(paused);
      await server.client.sandboxes.pause(paused.id);
      const ran = await Promise.all(boxes.slice(0, many).map(processesOf));
      assert.ok(
        ran.every((each) => /^\d+ \d+$/m.test(each)),
        ran.join(),
      );
      await server.kill9();
      await assert.rejects(front);
      // The workers finish what they have in hand, and let nothing new through.
      let last = -1;
      await waitUntil(
        async () => {
          const now = upstream.requests.length;
          const quiet = now === last;
          last = now;
          if (!quiet) await delay(300);
          return quiet;
        },
        { what: 'silence', withinMs: 20_000 },
      );
      const silent = upstream.requests.length;
      // Each of them asks some times a second: whatever had a way out would be seen here.
      const opened = upstream.connections.length;
      await delay(2000);
      assert.deepEqual(
        [upstream.requests.length, upstream.connections.length],
        [silent, opened],
        'nothing was let out',
      );
      const started = performance.now();
      server = await startStandin({ dataDir, apiKey: server.apiKey, env });
      const ready = performance.now();
      const counts = new Map(working.map((index) => [index, answered(index)]));
      await waitUntil(() => working.every((index) => answered(index) > (counts.get(index) ?? 0)), {
        what: 'every sandbox to reach out again',
        withinMs: 60_000,
      });
      const again = performance.now();
      console.log(
        `up after ${Math.round(ready - started)} ms, every sandbox out again ${Math.round(again - ready)} ms later`,
      );
      assert.ok(upstream.requests.length > silent);
      const listed = await server.client.sandboxes.list();
      assert.deepEqual(
        listed.map(({ name, status }) => `${name} ${status}`).toSorted(),
        all.map((index) => `box-${index} ${index === pausedIndex ? 'paused' : 'active'}`).toSorted(),
      );
      for (const { head } of upstream.requests) {
        const sent = head.headers.find(([name]) => name.toLowerCase() === 'authorization');
        assert.equal(sent?.[1], `Bearer ${value}`);
      }
      assert.deepEqual(await Promise.all(boxes.slice(0, many).map(processesOf)), ran, 'the same processes run');
      const lines = async () => Number((await server.client.exec(first, { command: 'wc -l < ~/front' })).stdout);
      const size = await lines();
      await waitUntil(async () => (await lines()) > size, { what: 'the command in front to go on' });
      const dial = `curl -sS -m 10 -o /dev/null -w '%{http_code} %header{x-standin-error}' --resolve ${later}:443:$(cat ~/address) https://${later}/`;
      assert.equal(
        (await server.client.exec(first, { command: dial })).stdout,
        '200 ',
        'an address that was remembered still leads to its name',
      );
      // While there was no server, nothing answered.
      const asked = (await server.client.exec(first, { command: 'cat ~/asked' })).stdout.trim().split('\n');
      assert.ok(
        asked.some((line) => line.endsWith(' 000')),
        'it noticed that nobody was there',
      );
      assert.deepEqual(
        asked.filter((line) => !/ (200|000|50\d)$/.test(line)),
        [],
      );
    });

    it('that were paused are paused, and go on when they are resumed', async () => {
      const paused = boxes[pausedIndex];
      assert.ok(paused);
      const count = answered(pausedIndex);
      await server.client.sandboxes.resume(paused.id);
      await waitUntil(() => answered(pausedIndex) > count, { what: 'the resumed one to reach out' });
    });

    it('outlive a server that is stopped too, and those that were deleted meanwhile do not', async () => {
      const { dataDir: same, apiKey } = server;
      await server.stop();
      server = await startStandin({ dataDir: same, apiKey, env });
      assert.equal((await server.client.sandboxes.list({ status: ['active'] })).length, many + 1);
      const [first, second] = boxes;
      assert.ok(first && second);
      await server.client.sandboxes.remove(second.id);
      const fresh = await server.client.sandboxes.get(first.id);
      assert.equal((await server.client.exec(fresh, { command: 'echo here' })).stdout, 'here\n');
      await assert.rejects(server.client.exec(second, { command: 'true' }), { status: 401 });
    });
  },
);

againInGvisor(import.meta.filename);
