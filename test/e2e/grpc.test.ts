import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { startProgramUpstream } from '../support/program-upstream.ts';
import type { ProgramUpstream } from '../support/program-upstream.ts';
import { clientFile, noPython, pythonProgram, serverFile } from './languages.ts';

/** The two implementations that nearly all others are made of or modelled on: JavaScript's own, and the C core. */
const implementations = [
  {
    name: '@grpc/grpc-js',
    command: process.execPath,
    client: clientFile('grpc-client.mjs'),
    server: serverFile('grpc-server.mjs'),
    skip: false,
  },
  {
    name: 'grpcio of Python',
    command: pythonProgram,
    client: clientFile('grpc_client.py'),
    server: serverFile('grpc_server.py'),
    skip: noPython,
  },
] as const;

const host = 'grpc.example.com';
const value = 'real-grpc-value-0123456789abcdef';

for (const serving of implementations) {
  describe(`a gRPC server of ${serving.name}`, { skip: serving.skip }, () => {
    let upstream: ProgramUpstream;
    let rig: ClientRig;
    let sandbox: ClientSandbox;

    before(async () => {
      rig = await startClientRig(async (authority) => {
        upstream = await startProgramUpstream(serving.command, [serving.server], authority.issue([host]));
        return { [host]: upstream.port };
      });
      const { client } = rig.server;
      await client.secrets.create({ name: 'grpc', value, auth: { type: 'bearer' }, hosts: [host] });
      sandbox = await clientSandbox(client, { name: 'grpc', secrets: { GRPC_KEY: 'grpc' } });
    });

    after(async () => {
      sandbox?.remove();
      await rig?.stop();
      await upstream?.stop();
    });

    for (const calling of implementations) {
      test(
        `serves ${calling.name} calls of every kind, 200 at once, each with the value`,
        { skip: calling.skip },
        async () => {
          upstream.said();
          const output = await sandbox.run(calling.command, [calling.client], {
            TARGET: `${host}:443`,
            GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: sandbox.caFile,
          });
          assert.deepEqual(JSON.parse(output), {
            unary: 'hello',
            returned: `Bearer ${sandbox.standIn('GRPC_KEY')}`,
            binary: true,
            down: 1000,
            up: 1_000_000,
            both: 100,
            failed: [9, 'détail: 100 %', 'because'],
            // DEADLINE_EXCEEDED, CANCELLED, PERMISSION_DENIED of the status codes of gRPC.
            deadline: 4,
            cancelled: 1,
            heardOfIt: true,
            big: 'equal',
            // What compression would shorten: it is not asked for.
            repeated: 'equal',
            many: 200,
            refused: 7,
          });
          const heard = upstream.said().map((line): unknown => JSON.parse(line));
          const authorization = `Bearer ${value}`;
          for (const [name, count] of Object.entries({ Unary: 203, Down: 1, Up: 1, Both: 1, Fail: 1, Wait: 2 })) {
            const calls = heard.filter((each) => Array.isArray(each) && each[0] === name);
            assert.deepEqual(
              calls,
              Array.from({ length: count }, () => [name, authorization]),
            );
          }
        },
      );
    }
  });
}
