import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * Forked by tests in the place of an egress worker: takes native handles, and answers each connection with the sandbox,
 * the kind of listener and the address that was dialled, each datagram with its own bytes. The kind `close` ends the
 * listeners of a sandbox.
 */
const open = new Map<string, { close(): unknown }[]>();

process.on('message', ({ sandboxId, kind }: { sandboxId: string; kind: string }, handle: unknown) => {
  if (kind === 'close') {
    for (const each of open.get(sandboxId) ?? []) each.close();
    open.delete(sandboxId);
    process.send?.('closed');
    return;
  }
  const keep = (each: { close(): unknown }) => void open.set(sandboxId, [...(open.get(sandboxId) ?? []), each]);
  const listening = () => process.send?.('listening');
  if (kind === 'dns-udp') {
    const socket = createSocket('udp6');
    keep(socket);
    socket.on('message', (message, { port, address }) =>
      socket.send(`${sandboxId} ${message.toString()}`, port, address),
    );
    socket.once('listening', listening);
    Reflect.apply(Reflect.get(socket, 'bind'), socket, [handle]);
    return;
  }
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${sandboxId} ${kind} ${socket.localAddress} ${socket.localPort}`);
  });
  keep(server);
  server.listen(handle, listening);
});

// As a worker must: without its server, nobody says what it may do.
process.on('disconnect', () => process.exit());
