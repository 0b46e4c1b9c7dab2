import assert from 'node:assert/strict';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { constants, createGzip } from 'node:zlib';
import type { Gzip } from 'node:zlib';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { skipWithout } from '../support/processes.ts';
import { clientFile, noPython, pythonProgram } from './languages.ts';

const host = 'api.example.com';
const otherHost = 'other.example.com';
const value = 'real-event-value-0123456789abcdef';
const events = 20;

/** Readers that put out each event as they have it. */
const readers = [
  { name: 'curl', command: 'curl', args: ['-sSN', '--http1.1'], gzip: ['--compressed'], skip: skipWithout('curl') },
  {
    name: 'httpx of Python over HTTP/2',
    command: pythonProgram,
    args: [clientFile('events.py')],
    gzip: ['gzip'],
    skip: noPython,
  },
  { name: 'fetch of Node', command: process.execPath, args: [clientFile('events.mjs')], gzip: ['gzip'], skip: false },
];

describe('server-sent events', () => {
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: ClientSandbox;
  /** Sends the next event of the stream that was opened last. */
  let sendNext: () => void = () => undefined;
  let opened = Promise.withResolvers<void>();

  /** An event goes out when the test has seen the one before it. */
  function serve({ headers, url }: Http2ServerRequest, response: Http2ServerResponse): void {
    const gzip: Gzip | null = url === '/gzip' ? createGzip() : null;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      ...(gzip === null ? {} : { 'content-encoding': 'gzip' }),
    });
    gzip?.on('data', (part: Buffer) => response.write(part)).on('end', () => response.end());
    let count = 0;
    sendNext = () => {
      const text = `id: ${count}\ndata: ${headers.authorization ?? 'nobody'} ${count}.\n\n`;
      count += 1;
      if (gzip === null) response.write(text);
      else {
        gzip.write(text);
        gzip.flush(constants.Z_SYNC_FLUSH);
      }
      if (count < events) return;
      if (gzip === null) response.end();
      else gzip.end();
    };
    opened.resolve();
  }

  before(async () => {
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([host, otherHost]), serve);
      return { [host]: upstream.port, [otherHost]: upstream.port };
    });
    const { client } = rig.server;
    await client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [host] });
    sandbox = await clientSandbox(client, { name: 'events', secrets: { KEY: 'key' } });
  });

  after(async () => {
    sandbox?.remove();
    await rig?.stop();
    await upstream?.stop();
  });

  for (const reader of readers) {
    for (const to of [host, otherHost]) {
      for (const coding of ['identity', 'gzip']) {
        const from = to === host ? 'a bound host' : 'another host';
        test(
          `${reader.name}: no event from ${from} in ${coding} waits for the next`,
          { skip: reader.skip },
          async () => {
            opened = Promise.withResolvers<void>();
            const bearer = `Bearer ${sandbox.standIn('KEY')}`;
            const fields = to === host ? [bearer] : [];
            const header = reader.command === 'curl' ? fields.flatMap((each) => ['-H', `Authorization: ${each}`]) : [];
            const program = await sandbox.start(
              reader.command,
              [...reader.args, ...(coding === 'gzip' ? reader.gzip : []), ...header, `https://${to}/${coding}`],
              { AUTHORIZATION: fields[0] ?? '' },
            );
            await Promise.race([opened.promise, program.ended]);
            const returned = to === host ? bearer : 'nobody';
            for (let count = 0; count < events; count++) {
              sendNext();
              await program.waitForOutput(new RegExp(`^data: ${returned} ${count}\\.$`, 'm'), { withinMs: 5000 });
            }
            assert.equal((await program.ended).code, 0, program.stderr());
          },
        );
      }
    }
  }
});
