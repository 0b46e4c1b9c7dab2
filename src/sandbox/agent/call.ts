import { connect } from 'node:net';
import { openAnswers } from './serve.ts';
import type { Perl } from './pipes.ts';
import { encodeFrame, frameTypes } from './protocol.ts';

/** Connections that wait for something to be asked on them. */
const waiting = 4;
/** After a server ended a connection that it had not used: it is about to stop this sandbox, or to stop itself. */
const dismissedPauseMs = 100;
const [firstPauseMs, longestPauseMs] = [5, 100];
/** How long it rests at most, how often it looks whether it was stopped meanwhile, and what is too long for one look. */
const [restMs, lookMs, stoppedMs] = [2000, 20, 120];

/** The server that an agent calls, and what proves to it who calls. */
export interface Called {
  host: string;
  port: number;
  token: string;
}

/**
 * An agent that cannot be reached from outside calls: it keeps a few connections open, says the token on each, and serves
 * what is asked on one as it would on a connection that it had accepted. One that is taken, or lost, is replaced; a server
 * that is not there is called again and again, on one connection at a time. Asked to rest it calls nobody, until it was stopped
 * and goes on, or was not stopped after all: gVisor cannot write a connection that is being made.
 */
export function callServer({ host, port, token }: Called, perl?: Perl): void {
  const answer = openAnswers(perl);
  let open = 0;
  let calling = false;
  let resting = false;
  let pause = firstPauseMs;
  let onceCalled = () => {};
  const called = () => {
    calling = false;
    onceCalled();
    onceCalled = () => {};
  };
  const call = () => {
    if (calling || resting || open >= waiting) return;
    calling = true;
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    let connected = false;
    const over = () => {
      if (connected) open -= 1;
      else called();
      setTimeout(call, pause);
      pause = Math.min(longestPauseMs, pause * 2);
    };
    socket.on('error', () => socket.destroy());
    socket.once('close', over);
    socket.once('end', () => {
      pause = dismissedPauseMs;
      socket.destroy();
    });
    socket.once('connect', () => {
      connected = true;
      open += 1;
      pause = firstPauseMs;
      socket.write(token);
      called();
      call();
    });
    socket.on('readable', () => {
      // The end of a connection is readable too, and ends it only once it is read.
      if (socket.readableLength === 0) {
        socket.read();
        return;
      }
      socket.removeAllListeners();
      open -= 1;
      const asked: unknown = socket.read();
      if (asked instanceof Buffer && asked[0] === frameTypes.rest) {
        resting = true;
        // Whoever asked ends it, as ever.
        socket.on('error', () => socket.destroy()).on('end', () => socket.end());
        socket.resume();
        afterRest(() => {
          resting = false;
          pause = firstPauseMs;
          call();
        });
        const rested = () => socket.write(encodeFrame('pong'));
        if (calling) onceCalled = rested;
        else rested();
        return;
      }
      if (asked instanceof Buffer) socket.unshift(asked);
      answer(socket);
      call();
    });
  };
  call();
}

/** Calls back when this process was stopped and goes on, which shows by a jump of either clock, or after `restMs`. */
function afterRest(over: () => void): void {
  const begun = performance.now();
  let [steady, wall] = [begun, Date.now()];
  const look = () => {
    const [steadyNow, wallNow] = [performance.now(), Date.now()];
    const wasStopped = Math.max(steadyNow - steady, wallNow - wall) > stoppedMs;
    if (wasStopped || steadyNow - begun > restMs) {
      over();
      return;
    }
    [steady, wall] = [steadyNow, wallNow];
    setTimeout(look, lookMs);
  };
  look();
}
