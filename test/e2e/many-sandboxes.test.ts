import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { makeAuthority } from '../support/certificates.ts';
import { endSandboxesOf } from '../support/end-sandboxes.ts';
import { commandLine, processIds, skipWithout, waitUntil } from '../support/processes.ts';
import { sized } from '../support/replies.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import type { TlsUpstream } from '../support/tls-upstream.ts';

const host = 'api.example.com';
const many = 200;
/** So many calls are under way at once. */
const atOnce = 8;
/** Secrets; each sandbox has one of them. */
const keys = 10;

describe('two hundred sandboxes at once', { skip: skipWithout('bwrap', 'curl') }, () => {
  const directory = temporaryDirectory('many');
  const dataDir = join(directory.path, 'data');
  let upstream: TlsUpstream;
  let server: StandinServer;
  let boxes: SandboxWithAccess[];
  const valueOf = (index: number) => `real-value-${index % keys}-${'v'.repeat(24)}`;

  before(async () => {
    const authority = makeAuthority();
    const rootFile = join(directory.path, 'root.pem');
    writeFileSync(rootFile, authority.certPem);
    upstream = await startTlsUpstream({ certificate: authority.issue([host]), respond: () => sized(200) });
    server = await startStandin({
      dataDir,
      env: {
        STANDIN_EGRESS_CONNECT_TO: `${host}:443:127.0.0.1:${upstream.port}`,
        STANDIN_EGRESS_CA_FILE: rootFile,
        STANDIN_SANDBOX_MEMORY: '256',
        STANDIN_SANDBOX_DISK: '32',
      },
    });
    for (let key = 0; key < keys; key++) {
      await server.client.secrets.create({
        name: `key-${key}`,
        value: valueOf(key),
        auth: { type: 'bearer' },
        hosts: [host],
      });
    }
  });
  after(async () => {
    await server.stop();
    await endSandboxesOf(dataDir);
    await upstream.stop();
    directory.remove();
  });

  it('each have their own files, processes and credentials, and their own rows in the log', async (t) => {
    const begun = performance.now();
    boxes = await each(many, (index) =>
      server.client.sandboxes.create({ name: `box-${index}`, secrets: { KEY: `key-${index % keys}` } }),
    );
    t.diagnostic(`made in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    const command = (index: number) =>
      `echo ${index} > ~/mine; sleep 100${String(index).padStart(3, '0')} > /dev/null 2>&1 & ` +
      `curl -sS -m 30 -o /dev/null -w '%{http_code} ' -H "Authorization: Bearer $KEY" https://${host}/box-${index}; echo $KEY`;
    const said = await each(many, async (index) => await exec(index, command(index)));
    const standIns = said.map((line) => /^200 (\S+)\n$/.exec(line)?.[1] ?? `not ${line}`);
    assert.equal(new Set(standIns).size, many, 'no stand-in is that of another sandbox');

    const sent = upstream.requests.map(({ target, head }) => {
      const [, credential] = head.headers.find(([name]) => name.toLowerCase() === 'authorization') ?? [];
      return `${target} ${credential}`;
    });
    const expected = boxes.map((_, index) => `/box-${index} Bearer ${valueOf(index)}`);
    assert.deepEqual(sent.toSorted(), expected.toSorted());

    // All of them at once, now that all of them are there.
    const seen = await each(many, async (index) => await exec(index, 'cat ~/mine; pgrep -fc "^sleep 100"; ls /home'));
    assert.deepEqual(
      seen,
      boxes.map((_, index) => `${index}\n1\nuser\n`),
    );
    const paths = await each(many, async (index) => {
      const found = async () => {
        const { data: rows } = await server.client.sandboxes.network(boxes[index]?.id ?? '', { limit: 50 });
        return rows.flatMap((row) => (row.kind === 'request' ? [row.path] : []));
      };
      await waitUntil(async () => (await found()).length > 0, { what: `the row of box-${index}` });
      return await found();
    });
    assert.deepEqual(
      paths,
      boxes.map((_, index) => [`/box-${index}`]),
    );
  });

  it('can be paused and resumed all at once, and the next one is still made', async () => {
    const id = (index: number) => boxes[index]?.id ?? '';
    await each(many, (index) => server.client.sandboxes.pause(id(index)));
    const another = await server.client.sandboxes.create({ name: 'another' });
    assert.equal((await server.client.exec(another, { command: 'echo here' })).stdout, 'here\n');
    boxes = await each(many, async (index) => {
      await server.client.sandboxes.resume(id(index));
      return await server.client.sandboxes.get(id(index));
    });
    assert.deepEqual(
      await each(many, async (index) => await exec(index, 'cat ~/mine')),
      boxes.map((_, index) => `${index}\n`),
    );
  });

  it('leave nothing behind when they are deleted', async () => {
    await each(many, (index) => server.client.sandboxes.remove(boxes[index]?.id ?? ''));
    const left = () => processIds().filter((pid) => /^sleep 100\d{3} $/.test(commandLine(pid).replaceAll('\0', ' ')));
    await waitUntil(() => left().length === 0, { what: 'their processes to be gone' });
    assert.deepEqual(
      (await server.client.sandboxes.list()).map(({ name }) => name),
      ['another'],
    );
  });

  const exec = async (index: number, command: string) => {
    const box = boxes[index];
    assert.ok(box);
    return (await server.client.exec(box, { command, timeout_s: 60 })).stdout;
  };
});

/** The results in order; a few at once. */
async function each<Result>(count: number, call: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await call(index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}
