// Serves WebSockets over TLS with ws: `ws-server.mjs CERTIFICATE KEY`. Says its port, then what each handshake brought.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { WebSocketServer } from 'ws';

const [cert, key] = process.argv.slice(2).map((path) => readFileSync(path));
const server = createServer({ cert, key });
const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 }, maxPayload: 16 << 20 });
sockets.on('connection', (socket, { url, headers }) => {
  const authorization = headers.authorization ?? '';
  console.log(JSON.stringify([url, authorization, headers['sec-websocket-extensions'] ?? null]));
  const [path, query] = url.split('?', 2);
  if (path === '/echo') socket.on('message', (data, binary) => socket.send(data, { binary }));
  if (path === '/authorization') socket.send(`you sent ${authorization}`);
  if (path === '/query') socket.send(`you sent ${query}`);
  if (path === '/fragments') {
    for (const [part, fin] of [
      ['one ', false],
      ['two ', false],
      ['', false],
      ['three', true],
    ])
      socket.send(part, { fin });
  }
  if (path === '/close') socket.close(4321, 'that is all');
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
