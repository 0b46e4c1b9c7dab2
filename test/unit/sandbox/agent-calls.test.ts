import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pingAgent } from '../../../src/sandbox/agent-client.ts';
import { freePort, listenOnLoopback } from '../../support/ports.ts';
import { waitUntil } from '../../support/processes.ts';

const token = '0123456789abcdef0123456789abcdef';

describe('an agent that calls', () => {
  let agent: ChildProcess;
  let server: Server;
  let ready: Socket[] = [];
  let calls = 0;
  let port = 0;
  /** Set while the test calls itself, from a port that it knows. */
  let own: { port: number; accepted(): void } | undefined;

  before(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      if (socket.remotePort === own?.port) {
        own?.accepted();
        socket.destroy();
        return;
      }
      calls += 1;
      socket.once('readable', () => {
        assert.equal(String(socket.read(token.length)), token);
        ready.push(socket);
      });
    });
    port = await listenOnLoopback(server);
    const main = join(import.meta.dirname, '../../../src/sandbox/agent/main.ts');
    agent = spawn(process.execPath, [main, `127.0.0.1:${port}`], { stdio: ['pipe', 'ignore', 'inherit'] });
    agent.stdin?.end(token);
  });
  after(async () => {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    server.close();
  });

  const next = async () => {
    await waitUntil(() => ready.length > 0, { what: 'a call' });
    const socket = ready.shift();
    assert.ok(socket);
    socket.removeAllListeners('readable');
    return socket;
  };
  /** On all that called before: calls are accepted in the order in which they came, so a last one shows that they were. */
  const hangUp = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    own = { port: await freePort(), accepted: resolve };
    const last = connect({ host: '127.0.0.1', port, localPort: own.port });
    await promise;
    last.destroy();
    for (const socket of ready) socket.destroy();
    ready = [];
    calls = 0;
  };

  it('calls again when it is hung up on', async () => {
    assert.equal(await pingAgent(next, 5000), true);
    await hangUp();
    await waitUntil(() => calls > 0, { what: 'another call' });
  });

  it('calls nobody while it rests, and at once when it was stopped and goes on', async () => {
    assert.equal(await pingAgent(next, 5000, 'rest'), true);
    await hangUp();
    // Stopped as gVisor stops it, for longer than it would have waited to call again.
    agent.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(calls, 0);
    agent.kill('SIGCONT');
    const began = performance.now();
    await waitUntil(() => calls > 0, { what: 'a call after the rest' });
    assert.ok(performance.now() - began < 1000, 'it did not wait for the end of its rest');
  });

  it('rests no longer than a while where it was not stopped', async () => {
    assert.equal(await pingAgent(next, 5000, 'rest'), true);
    await hangUp();
    const began = performance.now();
    await waitUntil(() => calls > 0, { what: 'a call' });
    assert.ok(performance.now() - began > 1000, 'it rested');
    assert.equal(await pingAgent(next, 5000), true);
  });
});
