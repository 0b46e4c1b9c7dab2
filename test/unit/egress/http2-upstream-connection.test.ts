import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { Http2UpstreamConnection } from '../../../src/egress/http2-upstream-connection.ts';
import { outgoingField } from '../../../src/egress/wire/http2/header-field.ts';
import { frameFlag } from '../../../src/egress/wire/http2/protocol.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { data, headers, settings } from './http2/frames.ts';
import { goodHead, request } from './support.ts';
import { workerParts } from './worker-parts.ts';

test('an answer that waits for its turn is handed on before the end of its connection', async () => {
  const server = createServer((accepted: Socket) => accepted.on('error', () => accepted.destroy()));
  const socket = connect(await listenOnLoopback(server), '127.0.0.1');
  const { pool, turns } = workerParts().context;
  const share = turns.hold('one');
  const facts = { address: '127.0.0.1', port: 443, tls: null, alpn: 'h2', dialled: 0, handshake: 0, used: false };
  const connection = new Http2UpstreamConnection({ pool, socket, share, key: 'one|', facts });
  connection.receive(settings());
  const link = connection.link();
  const given: string[] = [];
  const told = (what: string) => () => given.push(what);
  link.handler = {
    onData: (chunk) => given.push(chunk.toString()),
    onEnd: told('end'),
    onClose: told('close'),
    onDrain: () => undefined,
  };
  link.open(goodHead(request('GET / HTTP/1.1')), [outgoingField(':method', 'GET')]);
  // Another sandbox is at work, and this one owes a good many turns.
  turns.hold('two').enter(() => assert.fail());
  share.charge(100);
  const answer = [headers(1, [[':status', '200']], frameFlag.endHeaders), data(1, 'whole', frameFlag.endStream)];
  connection.receive(Buffer.concat(answer));
  assert.deepEqual(given, []);
  socket.destroy();
  await once(socket, 'close');
  server.close();
  assert.equal(given.slice(1).join(''), '5\r\nwhole\r\n0\r\n\r\n');
});
