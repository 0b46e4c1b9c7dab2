import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { startProgramUpstream } from '../support/program-upstream.ts';
import type { ProgramUpstream } from '../support/program-upstream.ts';
import { clientFile, noPython, pythonProgram, serverFile } from './languages.ts';

const implementations = [
  {
    name: 'ws',
    command: process.execPath,
    client: clientFile('ws-client.mjs'),
    server: serverFile('ws-server.mjs'),
    skip: false,
  },
  {
    name: 'websockets of Python',
    command: pythonProgram,
    client: clientFile('ws_client.py'),
    server: serverFile('ws_server.py'),
    skip: noPython,
  },
] as const;

/** The host of the one provider of the catalogue that takes its key in the query. */
const host = 'generativelanguage.googleapis.com';
const otherHost = 'other.example.com';
const values = { header: 'real-socket-value-0123456789abcdef', query: `AIza${'q9-_Z'.repeat(7)}` };

for (const serving of implementations) {
  describe(`a WebSocket server of ${serving.name}`, { skip: serving.skip }, () => {
    let upstream: ProgramUpstream;
    let rig: ClientRig;
    let sandbox: ClientSandbox;

    before(async () => {
      rig = await startClientRig(async (authority) => {
        const certificate = authority.issue([host, otherHost]);
        upstream = await startProgramUpstream(serving.command, [serving.server], certificate);
        return { [host]: upstream.port, [otherHost]: upstream.port };
      });
      const { secrets } = rig.server.client;
      await secrets.create({ name: 'header', value: values.header, auth: { type: 'bearer' }, hosts: [host] });
      await secrets.create({ name: 'query', value: values.query, provider: 'gemini' });
      sandbox = await clientSandbox(rig.server.client, {
        name: 'socket',
        secrets: { KEY: 'header', QUERY_KEY: 'query' },
      });
    });

    after(async () => {
      sandbox?.remove();
      await rig?.stop();
      await upstream?.stop();
    });

    for (const calling of implementations) {
      test(`talks with ${calling.name}, which gets its own stand-ins back`, { skip: calling.skip }, async () => {
        upstream.said();
        const output = await sandbox.run(calling.command, [calling.client], {
          BASE: `https://${host}`,
          OTHER: `https://${otherHost}`,
        });
        const { otherExtensions, ...rest }: Record<string, unknown> = JSON.parse(output);
        assert.deepEqual(rest, {
          extensions: null,
          text: 'text, dé, 𝒳',
          binary: true,
          fragmented: 'fragmented',
          pong: true,
          large: true,
          largeText: 10_000_000,
          closed: [4001, 'enough'],
          returned: `you sent Bearer ${sandbox.standIn('KEY')}`,
          returnedQuery: `you sent key=${sandbox.standIn('QUERY_KEY')}`,
          pieces: 'one two three',
          closedByServer: [4321, 'that is all'],
          compressed: true,
        });
        assert.match(String(otherExtensions), /^permessage-deflate\b/);
        const heard = upstream.said().map((line): unknown => JSON.parse(line));
        const bearer = `Bearer ${values.header}`;
        assert.deepEqual(heard.slice(0, -1), [
          ['/echo', bearer, null],
          ['/authorization', bearer, null],
          [`/query?key=${values.query}`, '', null],
          ['/fragments', '', null],
          ['/close', '', null],
        ]);
        assert.match(JSON.stringify(heard.at(-1)), /^\["\/echo","","permessage-deflate\b/);
      });
    }
  });
}
