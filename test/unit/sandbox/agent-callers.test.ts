import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { AgentCalls } from '../../../src/sandbox/gvisor/agent-calls.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { waitUntil } from '../../support/processes.ts';

const token = '0123456789abcdef0123456789abcdef';
/** So many may not have said yet who they are, or wait to be asked. */
const most = 32;

/** The server's side of a sandbox's agent in gVisor, and a way to call there, as everything in the sandbox can. */
async function listening(t: TestContext): Promise<{ calls: AgentCalls; call: () => Promise<Caller> }> {
  const owner = createServer();
  const port = await listenOnLoopback(owner);
  // Takes over what it listens on, as what a namespace's launcher gives.
  const calls = new AgentCalls(owner, token);
  const all: Socket[] = [];
  t.after(() => {
    calls.close();
    for (const socket of all) socket.destroy();
  });
  return {
    calls,
    call: async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      all.push(socket);
      const caller = { socket, isOver: false };
      socket
        .on('error', () => undefined)
        .on('close', () => (caller.isOver = true))
        .resume();
      await once(socket, 'connect');
      return caller;
    },
  };
}

interface Caller {
  socket: Socket;
  isOver: boolean;
}

describe('whoever calls as the agent of a sandbox', () => {
  it('is asked something once it has said the token, and ended where it says another', async (t) => {
    const { calls, call } = await listening(t);
    const [wrong, right] = [await call(), await call()];
    wrong.socket.write('0'.repeat(token.length));
    right.socket.write(token);
    const asked = await calls.dial();
    assert.equal(asked.remotePort, right.socket.localPort);
    await waitUntil(() => wrong.isOver, { what: 'the wrong one to be ended' });
    assert.equal(right.isOver, false);
    asked.destroy();
  });

  it('is ended after five seconds where it says nothing, or only half of it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { call } = await listening(t);
    const silent = [await call(), await call()];
    silent[1]?.socket.write(token.slice(0, 16));
    // One that came later is accepted after them.
    const last = await call();
    last.socket.end();
    while (!last.isOver) await new Promise(setImmediate);
    t.mock.timers.tick(4999);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.deepEqual(
      silent.map(({ isOver }) => isOver),
      [false, false],
    );
    t.mock.timers.tick(1);
    while (!silent.every(({ isOver }) => isOver)) await new Promise(setImmediate);
  });

  it('is ended at once where many have not said who they are, and gets through when those are gone', async (t) => {
    const { calls, call } = await listening(t);
    const callers: Caller[] = [];
    for (let number = 0; number < most + 8; number++) callers.push(await call());
    await waitUntil(() => callers.slice(most).every(({ isOver }) => isOver), { what: 'those too many to be ended' });
    assert.deepEqual(
      callers.slice(0, most).filter(({ isOver }) => isOver),
      [],
    );
    for (const { socket } of callers) socket.destroy();
    const dialled = calls.dial();
    await waitUntil(
      async () => {
        const agent = await call();
        agent.socket.write(token);
        return await Promise.race([dialled.then(() => true), once(agent.socket, 'close').then(() => false)]);
      },
      { what: 'the agent to be heard' },
    );
    (await dialled).destroy();
  });

  it('is ended where many have said it and wait: the server keeps no more of them', async (t) => {
    const { calls, call } = await listening(t);
    const callers: Caller[] = [];
    for (let number = 0; number < 2 * most + 8; number++) {
      const caller = await call();
      callers.push(caller);
      caller.socket.write(token);
    }
    await waitUntil(() => callers.filter(({ isOver }) => isOver).length >= 8, { what: 'those too many to be ended' });
    for (let number = 0; number < most; number++) (await calls.dial()).destroy();
  });
});
